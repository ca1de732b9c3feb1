"""One run of a study, in a process of its own: ``python -P -m ft_study.ablate.worker TASK``.

``TASK`` is JSON: ``claims``, ``name``, ``settings``, ``seed``, ``output``, ``trust``, ``keep_models``.
Standard input is a pipe from the process that started it; when that ends, the run stops after its step.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

from ft import FtError
from ft_study.claims import claimed, stop

TAKEN = 75
"""Exit code: somebody else is at this run (``EX_TEMPFAIL``)."""


def main() -> int:
    """Claim the run, do what is left of it, and let it go."""
    task: dict[str, Any] = json.loads(sys.argv[1])
    with claimed(Path(task["claims"]), task["name"]) as ours:
        if not ours:
            return TAKEN
        threading.Thread(target=_until_alone, daemon=True).start()
        try:
            return _run(task)
        except FtError as error:
            print(error, file=sys.stderr)
            return error.exit_code
        except KeyboardInterrupt:
            return 130
        except Exception:
            traceback.print_exc()
            return 1


def _run(task: dict[str, Any]) -> int:
    output = Path(task["output"])
    if not (output / "record.json").is_file():
        import ft

        trust = bool(task["trust"])
        if (output / "task.json").is_file():
            ft.run(resume=output, trust_remote_code=trust)
        else:
            ft.run(
                config=task["settings"], output=output, seed=task["seed"], trust_remote_code=trust
            )
    shutil.rmtree(output / "checkpoints", ignore_errors=True)
    if not task["keep_models"]:
        shutil.rmtree(output / "model", ignore_errors=True)
    return 0


def _until_alone() -> None:
    """Wait for the end of who started this process."""
    # Not sys.stdin: a thread that is inside it when Python ends is a fatal error.
    while os.read(0, 4096):
        pass
    stop()


if __name__ == "__main__":
    sys.exit(main())
