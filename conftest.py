"""Settings of every test in the workspace."""

import os

import pytest
from hypothesis import HealthCheck, settings

# Tests run side by side on tiny models: more threads than one would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The usual suite draws the same examples every time, so that a change does not fail by chance;
# `--hypothesis-profile=fresh` draws new ones. How fast a machine is says nothing about a test.
settings.register_profile("fresh", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", settings.get_profile("fresh"), derandomize=True)
settings.load_profile("same")


def pytest_configure(config: pytest.Config) -> None:
    """No usual test cuts the power, so none waits for the disk; the tests of full disks do."""
    if "not faults" in config.option.markexpr:
        os.fsync = lambda handle: None  # type: ignore[assignment]
