"""What a run was trained and scored on, told apart by its content."""

from __future__ import annotations

from ft.contract.schema import TaskData
from ft.data.rows.hashing import content_hash


def fingerprint(data: TaskData) -> dict[str, str]:
    """SHA-256 of each split's rows in their order, 64 hexadecimal digits.

    Rows count, with all their columns; the file's name, format, comments and line numbers do not.
    So a file moved or saved in another format has the same fingerprint, and one example more, less,
    elsewhere or otherwise has another.
    """
    return {split: content_hash(rows) for split, rows in data.splits.items()}
