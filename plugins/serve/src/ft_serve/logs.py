"""The log of a server, on standard error, without what clients asked."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

logger = logging.getLogger("ft_serve")


@contextmanager
def written(level: int) -> Iterator[None]:
    """Write the log to standard error, one line an entry, until the end of the block."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    levels = {"ft_serve": level, "uvicorn": logging.WARNING}
    logs = [logging.getLogger(name) for name in levels]
    before = [(log.level, log.propagate) for log in logs]
    for log, own in zip(logs, levels.values(), strict=True):
        log.addHandler(handler)
        log.setLevel(own)
        log.propagate = False
    try:
        yield
    finally:
        for log, (old, propagate) in zip(logs, before, strict=True):
            log.removeHandler(handler)
            log.setLevel(old)
            log.propagate = propagate


def logged(error: Exception, what: str, *, with_texts: bool) -> None:
    """Log an error; without ``with_texts`` only its type and place, as its message may hold a text."""
    if with_texts:
        logger.error(what, exc_info=error)
        return
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "an unknown place"
    logger.error("%s: %s at %s", what, type(error).__name__, place)
