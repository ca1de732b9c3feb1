"""The folder that a run leaves: what is where, and how it is written and read."""
