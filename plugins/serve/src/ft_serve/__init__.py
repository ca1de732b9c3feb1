"""Serves the models of runs over HTTP."""
