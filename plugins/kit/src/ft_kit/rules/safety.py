"""Rules on what a plugin may not do to the machine that it runs on."""

from __future__ import annotations

from ft_kit.contract import Broken
from ft_kit.exam import Exam
from ft_kit.guards import pickles
from ft_kit.rules.shared import ran


def network(exam: Exam) -> None:
    """A run needs no network once model and data are on the disk. What has to be fetched is fetched
    by the user, or named in a setting.
    """
    _refused(exam, "network", "let a setting name a file or folder on the disk")


def pickle(exam: Exam) -> None:
    """A pickle runs code when it is loaded. Weights are safetensors, everything else JSON, Parquet
    or Arrow; `torch.save` and `torch.load` are pickle.
    """
    hint = "use safetensors.torch.save_file for tensors, JSON or Parquet for the rest"
    _refused(exam, "pickle", hint)
    files = pickles(ran(exam).output)
    if files:
        raise Broken(f"the run folder holds {', '.join(files[:3])}", hint)


def _refused(exam: Exam, kind: str, hint: str) -> None:
    attempts = [text for text in exam.watched.attempts if text.startswith(f"{kind}: ")]
    if attempts:
        raise Broken(attempts[0].removeprefix(f"{kind}: "), hint)
    ran(exam)
