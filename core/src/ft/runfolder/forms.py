"""The exported forms of a run, which lie in its own folder."""

from __future__ import annotations

import json
from pathlib import Path

from ft.contract.errors import UserError
from ft.contract.files import file_hash

FORMS = "exports"


def fastest(run: Path) -> Path:
    """The fastest form of a run, by what was measured when it was exported; it may be the run itself.

    Raises:
        UserError: no form of the run as it is now has been measured.
    """
    made_of = file_hash(run / "task.json") if (run / "task.json").is_file() else ""
    speeds = {}
    for path in sorted(run.glob(f"{FORMS}/*/record.json")):
        try:
            record = json.loads(path.read_bytes())
            if record["derived_from"] == made_of and record["speedup"]:
                speeds[path.parent] = float(record["speedup"])
        except (OSError, ValueError, KeyError, TypeError):
            continue  # whoever opens that form says what is wrong with it
    if not speeds:
        raise UserError(
            "no faster form of this run has been made",
            where=str(run),
            hint=f"`ft export {run} --to torch --int8` makes one (pip install ft-export)",
        )
    return max({run: 1.0, **speeds}.items(), key=lambda one: one[1])[0]
