"""PhiFlow's own pages: what mends them, and the models that they show and steer."""
