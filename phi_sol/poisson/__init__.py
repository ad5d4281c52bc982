"""Initial guesses for iterative pressure solves, learned with the solver in the loop."""
