"""The limits of a server, and what it does besides answering."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """How a server behaves.

    Attributes:
        max_items: items of one request.
        max_characters: of one item, written as JSON.
        max_bytes: of the body of one request.
        max_queue: items that wait, of all clients together.
        timeout: seconds from the end of a request's body to its answer.
        read_timeout: seconds in which a client must have sent its request.
        max_batch_tokens: tokens that are computed together at most.
        api_key: what clients must show; ``None``: nothing.
        hosts: names by which the server may be called; ``None``: any.
        corrections: folder of the files with corrected examples; ``None``: none are taken.
        max_corrections: bytes of one such file.
        allow_files: items may name files that the server reads.
        log_texts: failures and refusals are logged with what was asked.
    """

    max_items: int = 128
    max_characters: int = 100_000
    max_bytes: int = 2_000_000
    max_queue: int = 2048
    timeout: float = 30.0
    read_timeout: float = 10.0
    max_batch_tokens: int = 4096
    api_key: str | None = None
    hosts: tuple[str, ...] | None = None
    corrections: Path | None = None
    max_corrections: int = 100_000_000
    allow_files: bool = False
    log_texts: bool = False
