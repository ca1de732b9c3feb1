"""`ft compare`: finished runs side by side, with tests."""
