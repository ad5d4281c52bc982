"""Correcting a source solver: methods, losses, and targets that are computed beforehand."""
