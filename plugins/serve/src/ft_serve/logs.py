"""The log of a server, on standard error, without what clients asked."""

from __future__ import annotations

import logging
import sys
import traceback

logger = logging.getLogger("ft_serve")


def start(level: int = logging.INFO) -> None:
    """Write the log, one line an entry."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for name in ("ft_serve", "uvicorn"):
        log = logging.getLogger(name)
        log.handlers, log.propagate = [handler], False
        log.setLevel(level if name == "ft_serve" else logging.WARNING)


def logged(error: Exception, what: str, *, with_texts: bool) -> None:
    """Log an error; without ``with_texts`` only its type and place, as its message may hold a text."""
    if with_texts:
        logger.error(what, exc_info=error)
        return
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "an unknown place"
    logger.error("%s: %s at %s", what, type(error).__name__, place)
