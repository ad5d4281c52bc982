"""PhiFlow's web interface over source, hybrid and reference, live and recorded; figures and animations."""
