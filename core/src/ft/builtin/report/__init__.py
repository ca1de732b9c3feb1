"""The report of a run: one HTML page for people."""
