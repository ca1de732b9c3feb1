"""Perturbations of word embeddings: what training and the scored attack share."""
