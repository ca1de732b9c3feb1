"""What several rules need."""

from __future__ import annotations

from ft.errors import FtError
from ft.testing.bench import Trial
from ft.testing.contract import Broken, NotApplicable
from ft.testing.exam import Exam


def said(error: BaseException) -> str:
    """An error on one line, with the notes that name plugin and hook."""
    text = str(error).strip() if isinstance(error, FtError) else f"{type(error).__name__}: {error}"
    notes = [str(note) for note in getattr(error, "__notes__", ())]
    return "; ".join(" ".join(part.split()) for part in [text, *notes] if part.strip())


def ran(exam: Exam) -> Trial:
    """The watched run.

    Raises:
        NotApplicable: it failed, which the rule ``runs`` reports.
    """
    trial = exam.watched
    if trial.error is not None:
        raise NotApplicable("it does not run: see the rule 'runs'")
    return trial


def none_found(exam: Exam, rule: str, hint: str) -> None:
    """Fail with what the probes found under a rule, also where the run then failed.

    Raises:
        Broken: something was found.
        NotApplicable: nothing was found, but the run failed.
    """
    found = exam.watched.found(rule)
    if found:
        texts = list(dict.fromkeys(one["what"] for one in found))
        more = f" (and {len(texts) - 3} more)" if len(texts) > 3 else ""
        raise Broken("; ".join(texts[:3]) + more, hint)
    ran(exam)


def finished(trial: Trial, what: str, hint: str) -> None:
    """Fail if a run failed.

    Raises:
        Broken: it did.
    """
    if trial.error is not None:
        raise Broken(f"{what}: {said(trial.error)}", hint)
