"""Hyper-parameter search: `ft tune`."""

__version__ = "0.1.0"
