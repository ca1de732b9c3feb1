"""Plugins registered with pluggy, and their hooks composed."""
