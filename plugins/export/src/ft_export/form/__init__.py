"""A model as graphs that another library runs: made, written, loaded, called."""
