"""Rules on what a plugin is given and must leave as it is, and on what it gives back."""

from __future__ import annotations

import math

from ft.contract.errors import PluginError
from ft_kit.contract import Broken, NotApplicable
from ft_kit.exam import Exam
from ft_kit.rules.shared import none_found, ran

RATIO = (0.6, 1.7)
"""How far the loss of a batch may be from the sum of those of its halves. A mean gives 0.5; a loss
against the other examples of the batch is not quite additive."""

LOSS_CLOSE, GRADIENT_CLOSE = 1e-3, 1e-2
"""How far loss and gradient may be apart, as shares. In fp32 the padding and the order of sums change
1e-6 of them; the gradient of a loss with kinks (a maximum, a sign) more."""


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
    """A technique around `load_data` may change the training split and the pool, and bring others;
    whoever touches those that are there scores the model on something else than the user gave.
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
    if not any(exam.subject.hooks(one) for one in ("compute_loss", "loss_of")):
        raise NotApplicable("it hooks neither compute_loss nor loss_of")
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
    # Among twice as many others an example is harder to tell: only a mean is less than its halves.
    most = math.inf if exam.whole_batch else RATIO[1]
    if parts and not RATIO[0] <= total / parts <= most:
        raise Broken(
            f"the loss of a batch is {total:.4g}, those of its two halves together {parts:.4g}",
            "return the sum over the items, reduction='sum', and not their mean",
        )


def cut(exam: Exam) -> str:
    """A batch that does not fit into memory is cut into several passes. The loss and the gradient of
    the same examples are the same in one pass and in a pass each (to 0.1 % and 1 %, without dropout, with
    BatchNorm as in evaluation). A loss that compares the examples of a batch with each other declares
    `whole_batch`: it is then not cut, but the model may run in chunks, which changes nothing either. A
    loss that draws random numbers for each pass cannot be compared.
    """
    facts = ran(exam).found("cut")
    if not facts:
        raise NotApplicable("its data has a single training example")
    (found,) = facts[:1]
    if "error" in found:
        if exam.single.error is not None:
            raise NotApplicable("a batch of one example fails: see the rule 'single'")
        raise Broken(
            f"a step that is cut into a pass for each example fails: {found['error']}",
            "let every output of the model have one row an example",
        )
    if found["drawn"] and not exam.whole_batch:
        raise NotApplicable("its loss draws random numbers, other ones in each pass")
    one, several = found["losses"]
    passes = found["passes"]
    hint = (
        "let every output of the model have one row an example, and depend on that example alone"
        if exam.whole_batch
        else "return a sum over the items, not a mean; let the loss of an example depend on that "
        "example alone, or declare whole_batch = True where it must not"
    )
    if abs(one - several) > LOSS_CLOSE * max(abs(one), abs(several)):
        raise Broken(
            f"the loss of {passes} examples is {one:.6g} in one pass, {several:.6g} in a pass each",
            hint,
        )
    if found["gradient"] > GRADIENT_CLOSE:
        raise Broken(
            f"the gradient of {passes} examples differs by {found['gradient']:.1%} between one pass "
            f"and a pass each, most of all that of {found['parameter']}",
            hint,
        )
    share = abs(one - several) / max(abs(one), abs(several), 1e-30)
    return f"apart by {share:.0e} of the loss, {found['gradient']:.0e} of the gradient"


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
