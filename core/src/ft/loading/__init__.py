"""From what the user names to plugin classes."""
