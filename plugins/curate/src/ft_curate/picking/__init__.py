"""`ft pick`: what to label next."""
