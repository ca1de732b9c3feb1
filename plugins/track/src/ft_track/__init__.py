"""Runs in TensorBoard, Weights & Biases or MLflow, as an observer plugin of ft."""

from ft_track.plugin import Track
from ft_track.settings import TrackConfig

__version__ = "0.1.0"

__all__ = ["Track", "TrackConfig"]
