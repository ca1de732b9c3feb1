"""Rules on the same run giving the same, whoever is beside and wherever it was stopped."""

from __future__ import annotations

from pathlib import Path

from ft.contract.errors import TrainingError
from ft_kit.contract import Broken, NotApplicable
from ft_kit.exam import STOP_AT, Exam
from ft_kit.executed import unknown_code
from ft_kit.rules.shared import finished, none_found, ran, said


def repeatable(exam: Exam) -> None:
    """Every random number comes from `self.rng`, `self.rng_at(...)`, torch's generator or one
    seeded from these. Nothing depends on the clock, the order of a set, or an earlier run.
    """
    reference, again = ran(exam), exam.again
    finished(again, "the same run fails the second time", "keep no state outside the instance")
    _same(exam, again.output, reference.output, "draw from self.rng or self.rng_at(...) alone")


def _same(exam: Exam, run: Path, reference: Path, hint: str, *, generators: bool = True) -> None:
    from ft_kit.compare import differences

    found = differences(run, reference, exam.subject.name, generators=generators)
    if found:
        more = f" (and {len(found) - 2} more differences)" if len(found) > 2 else ""
        raise Broken("; ".join(found[:2]) + more, hint)


def independent(exam: Exam) -> None:
    """A plugin beside that changes nothing but draws random numbers, from its own generator and
    from the global ones of Python and NumPy, leaves the run as it was to the last bit.
    """
    reference, beside = ran(exam), exam.beside_idle
    finished(beside, "with an idle plugin beside it fails", "rely on no order or number of plugins")
    _same(
        exam,
        beside.output,
        reference.output,
        "draw from self.rng or self.rng_at(...), never from `random` or `numpy.random`",
        generators=False,
    )


def globals_(exam: Exam) -> None:
    """In `load_data`, `encode`, `decode` and `evaluate`, how often and in which order a plugin is
    called is not fixed: what it draws from a global generator there shifts the dropout of the
    training. `compute_loss` may use torch's, as dropout does.
    """
    none_found(
        exam, "globals", "draw from self.rng_at(run.epoch, example_id) or a seeded generator"
    )


def encode(exam: Exam) -> None:
    """`encode` is called for many batches at once, before their steps, and once more after a resume.
    It may depend on the examples, `run.epoch` and `self.rng_at(run.epoch, example_id)`, never on
    `self.rng`, `run.step` or a count of its own calls.
    """
    from ft.engine.batch.features import DRAWN

    error = exam.watched.error
    hint = "draw from self.rng_at(run.epoch, example_id)"
    if isinstance(error, TrainingError) and error.what == DRAWN:
        raise Broken(error.what, hint)
    none_found(exam, "encode", hint + ", and do not look at run.step")


def order(exam: Exam) -> None:
    """An order depends on the seed, the epoch, the weights and the saved state: asked for twice in the
    same state, also after others have drawn random numbers, it is the same. Random numbers come from
    `self.rng_at(epoch)`.
    """
    if not exam.subject.hooks("order"):
        raise NotApplicable("it does not hook order")
    none_found(exam, "order", "draw from self.rng_at(epoch), and count nothing in order itself")


def state(exam: Exam) -> None:
    """What `state_dict` gives is JSON: dictionaries with text as keys, lists, text, numbers. A new
    instance that is given it by `load_state_dict` gives the same again. `load_state_dict` also takes
    an empty mapping, which it is given where there is no state of the plugin. What `state_tensors`
    gives comes back from a new instance to the last bit, once `load_state_tensors` was given it.
    """
    none_found(
        exam,
        "state",
        "return JSON values in state_dict and tensors in state_tensors, and take all of them back in "
        "load_state_dict and load_state_tensors",
    )


def resume(exam: Exam) -> None:
    """All that later steps depend on is in `state_dict`, in `state_tensors`, in `self.rng`, or made
    from the data and the settings; what an optimizer depends on is in its own `state_dict`. Nothing
    may depend on `on_run_start`, which a resumed run does not repeat.
    """
    reference, resumed = ran(exam), exam.resumed
    if (reference.result is not None) and reference.result.record["steps"] < STOP_AT:
        raise NotApplicable(f"its data gives fewer than {STOP_AT} steps")
    if resumed.error is not None:
        raise Broken(
            f"stopped in step {STOP_AT}, the run cannot go on: {said(resumed.error)}",
            "put what on_run_start makes into state_dict, or make it at first use",
        )
    hint = "return in state_dict and state_tensors whatever changes while training"
    if exam.subject.hooks("build_optimizer"):
        hint += (
            "; the optimizer's own state_dict() must hold, and load, all that its step() changes"
        )
    _same(exam, resumed.output, reference.output, hint)


def code(exam: Exam) -> None:
    """The hashes of a plugin's files are compared when a run is resumed, and are part of the key of
    its kept features: those of its package, and every local module that it imports by a statement or
    by a constant name. Code that is found in another way is named to `run.uses`.
    """
    trial = ran(exam)
    unknown = unknown_code(exam.members, trial)
    if unknown:
        raise Broken(
            f"a change of {', '.join(map(str, unknown[:3]))} would not be noticed: no import names it",
            "import the module with an import statement, or name the file with run.uses(path)",
        )
