"""Reading, checking and fingerprinting data."""
