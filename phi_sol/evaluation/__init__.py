"""How good a solver is: long runs against the restricted reference, baselines, tables, figures, reports."""
