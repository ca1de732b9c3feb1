"""Settings of every test in the workspace."""

import os

import pytest

# Tests run side by side on tiny models: more threads than one would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_configure(config: pytest.Config) -> None:
    """No usual test cuts the power, so none waits for the disk; the tests of full disks do."""
    if "not faults" in config.option.markexpr:
        os.fsync = lambda handle: None  # type: ignore[assignment]
