"""Plugins that the core brings and registers as anybody's are."""
