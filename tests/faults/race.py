"""Processes that race for one run folder: `python race.py FOLDER RACES PROCESSES`.

In each race all processes do what `ft run --output` does first, at one moment and a few microseconds
apart. One of them must get the folder and keep what it writes; the others must leave it alone. Prints
what went wrong, and ends with 1 where something did.
"""

from __future__ import annotations

import os
import random
import sys
import time
from pathlib import Path

import ft
from ft.runfolder.folder import RunFolder

WON, LOST, FAILED = 0, 1, 2


def attempt(output: Path, number: int) -> int:
    """Begin a run, as one process among many."""
    folder = RunFolder(output)
    try:
        folder.create()
    except ft.UserError:
        folder.discard()
        return LOST
    folder.write_text(folder.config, f"plugins = []\n# process {number}\n")
    folder.write_sealed(folder.task, {"process": number})
    folder.release()
    return WON


def race(output: Path, processes: int, seed: int) -> list[str]:
    """What went wrong in one race."""
    ready, go = os.pipe()
    children = []
    for number in range(processes):
        pid = os.fork()
        if not pid:
            code = FAILED
            try:
                os.close(go)
                os.read(ready, 1)  # until the parent lets go
                until = time.perf_counter() + random.Random(seed * 100 + number).random() * 5e-4
                while time.perf_counter() < until:
                    pass
                code = attempt(output, number)
            finally:
                os._exit(code)
        children.append(pid)
    os.close(ready)
    os.close(go)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
    faults = [] if codes.count(WON) == 1 else [f"ended with {codes}: not one winner"]
    faults += [f"process {i} failed" for i, code in enumerate(codes) if code not in (WON, LOST)]
    if not faults:
        winner = codes.index(WON)
        folder = RunFolder(output)
        if folder.config.read_text() != f"plugins = []\n# process {winner}\n":
            faults.append("the settings are not the winner's")
        if folder.read_sealed(folder.task) != {"process": winner}:
            faults.append("the task is not the winner's")
    return faults


def main(folder: Path, races: int, processes: int) -> int:
    """Run all races; 0 where nothing went wrong."""
    faults = []
    for number in range(races):
        faults += [
            f"race {number}: {what}"
            for what in race(folder / f"{number}" / "deep" / "run", processes, number)
        ]
    print("\n".join(faults) or f"{races} races, one winner each, nothing lost")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
