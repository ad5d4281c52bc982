"""Physics-informed networks: the solution of a simulation as a function of time and place, from its equations alone."""
