"""A worker whose runs train nothing: they take a moment, and lay out a run that lies ready."""

import os
import shutil
import sys
import time
from pathlib import Path

from ft_study.ablate import worker


def pretend(task: dict) -> int:
    output, log = Path(task["output"]), Path(os.environ["FAKE_LOG"])
    if (output / "record.json").exists():
        return 0
    with log.open("a") as stream:
        stream.write(f"{task['name']} begins\n")
    time.sleep(0.2)
    if task["name"] in os.environ.get("FAKE_FAILS", "").split(","):
        print("out of luck")
        return 1
    partial = output.with_name(f".{output.name}")
    shutil.copytree(log.with_name("ready") / output.name, partial)
    partial.rename(output)
    with log.open("a") as stream:
        stream.write(f"{task['name']} ends\n")
    return 0


worker._run = pretend
sys.exit(worker.main())
