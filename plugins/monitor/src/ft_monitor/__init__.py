"""Opinion over time: an index of feeling a topic and entity, and alarms when bad news surges."""

__version__ = "0.1.0"
