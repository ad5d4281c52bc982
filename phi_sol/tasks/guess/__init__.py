"""Guessing the pressure that conjugate gradients start from."""
