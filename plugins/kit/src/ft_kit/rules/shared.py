"""What several rules need."""

from __future__ import annotations

from ft.contract.errors import FtError, Problems
from ft_kit.bench import Trial
from ft_kit.contract import Broken, NotApplicable
from ft_kit.exam import Exam


def said(error: BaseException) -> str:
    """An error on one line, with the notes that name plugin and hook."""
    if isinstance(error, Problems):
        return "; ".join(map(said, error.errors))
    if isinstance(error, FtError):
        parts = [f"{error.where}: {error.what}" if error.where else error.what]
    else:
        parts = [f"{type(error).__name__}: {error}"]
    parts += getattr(error, "__notes__", ())
    return "; ".join(" ".join(part.split()) for part in parts)


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
    """Fail if a run failed; what the error itself says is to do goes before the hint.

    Raises:
        Broken: it did.
    """
    if trial.error is not None:
        own = getattr(trial.error, "hint", None)
        raise Broken(f"{what}: {said(trial.error)}", f"{own}; or else {hint}" if own else hint)
