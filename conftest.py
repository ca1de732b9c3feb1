"""Settings of every test in the workspace."""

import os

# Tests run side by side on tiny models: more threads than one would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
