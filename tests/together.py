"""Several processes of one run, started as a launcher such as torchrun starts them."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Together:
    """Starts commands of ``ft`` in several processes that know of each other.

    Args:
        children: starts one process.
    """

    def __init__(self, children: Any) -> None:
        self.children = children

    def start(
        self,
        arguments: Sequence[Any],
        count: int = 2,
        *,
        address: str = "127.0.0.1",
        folder: Path | None = None,
    ) -> list[Any]:
        port = free_port()
        return [
            self.children.start(
                arguments,
                folder=folder,
                environment=launched(index, count, address, port),
            )
            for index in range(count)
        ]

    def run(self, arguments: Sequence[Any], count: int = 2, **options: Any) -> list[Any]:
        """Run a command to its end in every process; all must succeed."""
        processes = self.start(arguments, count, **options)
        codes = [one.wait() for one in processes]
        assert codes == [0] * count, "\n".join(one.stdout + one.stderr for one in processes)
        return processes


def launched(index: int, count: int, address: str, port: int) -> Mapping[str, str]:
    """What a launcher puts into the environment of a process."""
    return {
        "RANK": str(index),
        "LOCAL_RANK": str(index),
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        "MASTER_ADDR": address,
        "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": "1",
    }
