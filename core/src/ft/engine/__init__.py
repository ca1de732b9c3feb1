"""The engine: what happens between the settings and the run folder."""
