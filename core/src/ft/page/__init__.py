"""Pages for people, each one HTML file."""
