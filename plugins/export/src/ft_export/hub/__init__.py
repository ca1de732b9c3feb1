"""A run described by a card, and published on the hub."""
