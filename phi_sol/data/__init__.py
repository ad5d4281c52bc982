"""Simulations on disk: written, read, and cut into training windows."""
