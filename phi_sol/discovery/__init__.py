"""What was learned, as an equation: sparse regression on products of derivatives of the coarse fields."""
