"""The viewer's own pages, beside those of PhiFlow: runs, comparison, live simulation, training."""
