"""Features, batches and passes through the model."""
