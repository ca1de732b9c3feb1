"""`ft suspect`: labels that are probably wrong."""
