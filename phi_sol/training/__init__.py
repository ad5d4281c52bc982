"""How a task is trained: plan, windows, optimisation, validation, checkpoints, on one device or many."""
