"""Who steps: source and reference as a pair, and solvers that are made of solvers."""
