"""The command line, ``ft``. Nothing here imports torch before a command needs it."""
