"""What is optimised: a correction of a source solver, an initial guess for its pressure, or a task of one's own."""
