"""Rules on what a plugin is given and must leave as it is, and on what it gives back."""

from __future__ import annotations

from ft.contract.errors import PluginError
from ft_kit.contract import Broken, NotApplicable
from ft_kit.exam import Exam
from ft_kit.rules.shared import none_found, ran

RATIO = (0.6, 1.7)
"""How far the loss of a batch may be from the sum of those of its halves. A mean gives 0.5; a loss
against the other examples of the batch is not quite additive."""


def batch(exam: Exam) -> None:
    """The tensors of a batch, and the dictionary they are in, belong to whoever is outside. A
    technique further out, or the same one, may pass the batch in once more.
    """
    none_found(exam, "batch", "pass on a new dictionary: {**batch, 'labels': labels}")


def examples(exam: Exam) -> None:
    """The columns that `encode` and `decode` are given, the lists in them, and the predictions that
    `evaluate` is given are read only: a technique further out still uses them.
    """
    none_found(exam, "examples", "pass on new columns: {**examples, 'text': texts}")


def splits(exam: Exam) -> None:
    """A technique around `load_data` may change the training split only; whoever else touches the
    data scores the model on something else than the user gave.
    """
    error = exam.watched.error
    if isinstance(error, PluginError) and "split in load_data" in error.what:
        raise Broken(error.what, error.hint or "")
    none_found(exam, "splits", "return a new TaskData, whose other splits are those of `inner`")


def answers(exam: Exam) -> None:
    """What is predicted follows from the model's outputs, and these from the examples: a model whose
    outputs are the same for every example, or a `decode` whose answers are the same for any outputs
    (all of them empty, say), has lost something on the way. The answers of a model that has not learnt
    may all be alike; so `decode` is given outputs at random too.
    """
    none_found(
        exam,
        "answers",
        "see that the model's forward gives every output that decode reads, and that they depend "
        "on its inputs",
    )


def sum_(exam: Exam) -> None:
    """`Loss.total` is a sum over `Loss.items`, which the core divides once by the items of the whole
    optimizer step. With a mean, a step that is cut into several passes would be another step.
    """
    if not exam.subject.hooks("compute_loss"):
        raise NotApplicable("it does not hook compute_loss")
    found = ran(exam).found("sum")
    if not found:
        raise NotApplicable("its data has a single training example")
    facts = found[0]
    items, halves = facts["items"], facts["half_items"]
    if abs(items - halves) > 1e-3 * max(1.0, abs(items)):
        raise Broken(
            f"a batch has {items:g} items, its two halves together {halves:g}",
            "count the items that the sum runs over",
        )
    total, parts = facts["total"], facts["halves"]
    if parts and not RATIO[0] <= total / parts <= RATIO[1]:
        raise Broken(
            f"the loss of a batch is {total:.4g}, those of its two halves together {parts:.4g}",
            "return the sum over the items, reduction='sum', and not their mean",
        )


def forwards(exam: Exam) -> str:
    """`forwards(inner)` gives the forward passes through the model of one training batch, from
    those of what it wraps. `ft run --explain` and the record state the cost by it.
    """
    facts = ran(exam).found("forwards")[0]
    if facts["counted"] != facts["stated"]:
        raise Broken(
            f"a training batch took {facts['counted']} forward passes, forwards() says "
            f"{facts['stated']}",
            "return the most that a batch takes, such as `2 * inner`",
        )
    return f"{facts['counted']} a batch"
