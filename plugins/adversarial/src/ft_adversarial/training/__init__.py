"""Adversarial training: the methods, and the passes over a batch that they take."""
