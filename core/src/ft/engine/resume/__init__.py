"""Checkpoints, and what may have changed when a run goes on."""
