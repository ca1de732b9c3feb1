"""What `broken_code` loads."""

FACTOR = 0.5
