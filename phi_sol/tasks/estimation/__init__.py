"""Inverse problems: parameters and fields that make a solver follow what was observed, with standard errors."""
