"""The version of ft."""

__version__ = "0.1.0"
