"""The optimizer that plugins built: normalised, clipped, stepped, and kept whole in checkpoints."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ft.contract.errors import PluginError
from ft.engine.optim.optim import Optimizer, norm_of, parameter_groups

if TYPE_CHECKING:
    from ft.engine.run import LiveRun

SCALARS = (bool, int, float, str, type(None))


class CustomOptimizer(Optimizer):
    """An optimizer from the chain of `build_optimizer`, in the place of the fused AdamW.

    Args:
        run: with its plugins and its model.

    Raises:
        PluginError: the chain did not give an optimizer of every parameter.
        ConfigError: no parameter is left to train.
    """

    def __init__(self, run: LiveRun) -> None:
        assert run.model is not None
        self.config = run.config
        groups = parameter_groups(run.model, run.config)
        self.parameters = self.parameters_of(groups)
        self._who = run.hooks.who("build_optimizer")
        self._names = {p: name for group in groups for name, p in group["params"]}
        self._optimizer = run.hooks.call("build_optimizer", run, groups)
        self._check()
        self._peaks = [group["lr"] for group in self._optimizer.param_groups]

    def _check(self) -> None:
        optimizer = self._optimizer
        closure = inspect.signature(optimizer.step).parameters.get("closure")
        if closure is not None and closure.default is closure.empty:
            raise self._fault(
                f"{type(optimizer).__name__} needs a closure that computes the loss again",
                "return an optimizer whose step() needs none, such as SGD, AdamW, Adafactor",
            )
        there = [p for group in optimizer.param_groups for p in group["params"]]
        lost = [name for p, name in self._names.items() if not any(p is one for one in there)]
        if lost or len(there) != len(self._names):
            raise self._fault(
                f"the optimizer has {len(there)} parameters, and {len(self._names)} are to be "
                "trained" + (f"; it lacks {', '.join(lost[:3])}" if lost else ""),
                "give it every parameter of the groups once; what is not to learn is frozen in "
                "build_head",
            )

    def _fault(self, what: str, hint: str) -> PluginError:
        return PluginError(what, where="build_optimizer", who=self._who, hint=hint)

    def step(self, items: Tensor, factor: float, total: Tensor | None = None) -> Tensor | None:
        """As that of `Optimizer`; whether the step is finite is known before it, so the host waits."""
        for group, peak in zip(self._optimizer.param_groups, self._peaks, strict=True):
            group["lr"] = peak * factor
        present = [parameter for parameter in self.parameters if parameter.grad is not None]
        if not present:
            return None
        for parameter in present:
            if parameter.grad is not None and parameter.grad.is_sparse:
                parameter.grad = parameter.grad.to_dense()
        gradients = [p.grad for p in present if p.grad is not None]
        norm = torch.where(items > 0, norm_of(gradients) / items, 0.0)
        sound = torch.isfinite(norm if total is None else norm + total) & (items > 0)
        if bool(sound):
            scale = items.float()
            if self.config.clip is not None:
                scale = scale * torch.clamp(norm / self.config.clip, min=1.0)
            torch._foreach_div_(gradients, scale)
            self._optimizer.step()
        return norm

    def tensors(self, model: nn.Module) -> dict[str, Tensor]:
        """Every tensor of the optimizer's state, by the parameter's name and its place there."""
        return self._packed()[1]

    def state(self) -> Any:
        """The rest of ``state_dict()`` as JSON values, with the places of the tensors."""
        return self._packed()[0]

    def _packed(self) -> tuple[Any, dict[str, Tensor]]:
        tensors: dict[str, Tensor] = {}
        saved = self._optimizer.state_dict()
        names = self._by_position()
        try:
            packed = {
                "names": names,
                "state": {
                    names[k]: pack(value, tensors, names[k]) for k, value in saved["state"].items()
                },
                "rest": pack({k: v for k, v in saved.items() if k != "state"}, tensors, "rest"),
            }
        except TypeError as error:
            raise self._fault(
                f"the state_dict of {type(self._optimizer).__name__} cannot be saved: {error}",
                "keep tensors, numbers, texts, lists and dicts in it",
            ) from error
        return packed, tensors

    def _by_position(self) -> list[str]:
        """The name of each parameter, in the order by which torch numbers them."""
        groups = self._optimizer.param_groups
        return [self._names[p] for group in groups for p in group["params"]]

    def load(self, model: nn.Module, tensors: Mapping[str, Tensor], state: Any = None) -> None:
        """Take up what `state` and `tensors` gave.

        Raises:
            ValueError: it is of other parameters, or of another optimizer.
        """
        names = self._by_position()
        if not isinstance(state, Mapping) or state.get("names") != names:
            raise ValueError("the parameters of the optimizer")
        positions = {name: position for position, name in enumerate(names)}
        own = {id(p): p.shape for p in self.parameters}
        try:
            saved = {positions[k]: unpack(v, tensors) for k, v in state["state"].items()}
            self._optimizer.load_state_dict({**unpack(state["rest"], tensors), "state": saved})
        except (KeyError, TypeError, IndexError) as error:
            raise ValueError(str(error)) from error
        assert own == {id(p): p.shape for p in self.parameters}


def pack(value: Any, tensors: dict[str, Tensor], place: str) -> Any:
    """A value as JSON, its tensors put into ``tensors`` under names that begin with ``place``.

    Raises:
        TypeError: it holds something else than tensors, numbers, texts, lists, tuples and dicts.
    """
    if isinstance(value, Tensor):
        # A file of safetensors refuses tensors that share memory.
        tensors[place] = value.detach().clone()
        return {"tensor": place}
    if isinstance(value, Mapping):
        pairs = [[key, pack(one, tensors, f"{place}/{key}")] for key, one in value.items()]
        if all(isinstance(key, SCALARS) for key, _ in pairs):
            return {"dict": pairs}
    if isinstance(value, list | tuple):
        packed = [pack(one, tensors, f"{place}/{i}") for i, one in enumerate(value)]
        return packed if isinstance(value, list) else {"tuple": packed}
    if isinstance(value, SCALARS):
        return value
    raise TypeError(f"{place} is a {type(value).__name__}")


def unpack(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    """What `pack` was given."""
    if isinstance(value, list):
        return [unpack(one, tensors) for one in value]
    if not isinstance(value, Mapping):
        return value
    ((kind, inner),) = value.items()
    if kind == "tensor":
        return tensors[inner]
    if kind == "tuple":
        return tuple(unpack(one, tensors) for one in inner)
    return {key: unpack(one, tensors) for key, one in inner}


Schedule = Callable[..., float]


def checked_factor(schedule: Schedule, run: LiveRun, progress: float) -> float:
    """The factor that a plugin's schedule gives.

    Raises:
        PluginError: it is no finite number of at least 0.
    """
    factor: Any = schedule(run, progress)
    try:
        number = float(factor)
    except (TypeError, ValueError):
        number = -1.0
    if not 0 <= number < float("inf"):
        raise PluginError(
            f"learning_rate returned {factor!r} at {progress:.1%} of the run",
            who=f"plugin '{run.hooks.methods()['learning_rate']}'",
            hint="return the factor on the peak learning rates, a finite number of at least 0",
        )
    return number
