"""The configuration of a run: read, checked, written."""
