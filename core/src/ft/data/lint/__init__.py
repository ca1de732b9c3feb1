"""What is odd about a data set."""
