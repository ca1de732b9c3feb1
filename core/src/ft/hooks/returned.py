"""What each chain hook returns, looked at link by link, so that the plugin that breaks it is named."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ft.contract.errors import PluginError

LOSS = "return ft.Loss(total, items): a sum over items, and how many"
MODEL = "return the model: a torch.nn.Module that gives its outputs by name"


def expected(hook: str) -> tuple[type[Any], str, str] | None:
    """The type of what a chain hook returns, its name for messages, and what to do about another.

    ``None``: nothing is expected of the hook.
    """
    from torch import Tensor, nn
    from torch.optim import Optimizer

    from ft.contract.results import Evaluation, Loss
    from ft.contract.schema import TaskData

    kinds: dict[str, tuple[type[Any], str, str]] = {
        "load_data": (TaskData, "ft.TaskData", "return ft.TaskData(splits, schema)"),
        "encode": (Mapping, "a mapping of columns", "return lists by column, one value a feature"),
        "build_head": (nn.Module, "a torch module", MODEL),
        "load_model": (nn.Module, "a torch module", MODEL),
        "compute_loss": (Loss, "ft.Loss", LOSS),
        "order": (Iterable, "an order", "return positions of examples, or tuples of them"),
        "build_optimizer": (
            Optimizer,
            "a torch optimizer",
            "return an instance of a class that derives from torch.optim.Optimizer",
        ),
        "loss_of": (Loss, "ft.Loss", LOSS),
        "divergence": (Tensor, "a tensor", "return a scalar, a sum over items"),
        "infer": (
            Mapping,
            "a mapping of tensors",
            "return what decode needs by name, (batch, ...)",
        ),
        "decode": (Sequence, "a list", "return one mapping an example, in their order"),
        "evaluate": (Evaluation, "ft.Evaluation", "return ft.Evaluation(metrics, main)"),
        "read_request": (Mapping, "a mapping of columns", "return the columns that encode reads"),
    }
    return kinds.get(hook)


def looked_at(hook: str, owner: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """``function``, refused where it returns something else than the hook does.

    Args:
        hook: the chain hook.
        owner: the plugin whose implementation ``function`` is, as people know it.
        function: called with positional arguments.
    """
    kind = expected(hook)
    if kind is None:
        return function
    type_, name, hint = kind

    def call(*arguments: Any) -> Any:
        result = function(*arguments)
        if not isinstance(result, type_):
            given = "nothing" if result is None else type(result).__name__
            raise PluginError(
                f"{hook} returned {given}, not {name}", who=f"plugin {owner}", hint=hint
            )
        return result

    return call
