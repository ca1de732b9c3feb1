"""A benchmark of robustness: the scores that are left under attack and typing errors."""
