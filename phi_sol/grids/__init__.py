"""
Where values live: which faces are stored, where they lie, what continues them, and how fine grids become coarse ones.
"""
