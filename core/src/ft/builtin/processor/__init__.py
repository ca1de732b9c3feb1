"""Faster layers for training on a processor."""
