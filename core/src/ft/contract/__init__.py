"""What plugins and the core agree on."""
