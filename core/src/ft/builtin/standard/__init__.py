"""What the core does where no plugin does otherwise."""
