"""Which parameters learn, at which rate, and the optimizer step."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ft.contract.errors import ConfigError, PluginError
from ft.contract.settings import RunConfig
from ft.engine.optim.cast import CastLinear
from ft.engine.optim.depths import depths_of
from ft.engine.optim.rows import Rows, spread

NORM = re.compile(r"(?:^|[._])(?:layer_?norm|ln|norm)[._\d]", re.IGNORECASE)


def parameter_groups(model: nn.Module, config: RunConfig) -> list[dict[str, Any]]:
    """Parameters by learning rate and weight decay.

    The head learns at ``head_learning_rate``; the encoder's layers at ``learning_rate`` times
    ``layer_decay`` for each layer below the top (Howard & Ruder 2018). Biases, the weights of
    norms, and embeddings are not decayed: a word that the data does not show stays where it is.

    Raises:
        ConfigError: the rates shall fall with the layers, and no layers are found.
    """
    found = depths_of(model)
    depths, layers = (found.of, found.layers) if found else ({}, 0)
    if config.layer_decay < 1 and not layers:
        raise ConfigError(
            f"the layers of {type(model).__name__} are not found: it has no base model with a list of layers",
            where="run.layer_decay",
            hint="leave layer_decay at 1",
        )
    head_rate = config.head_learning_rate or config.learning_rate
    embeddings = {module.weight for module in model.modules() if isinstance(module, nn.Embedding)}
    groups: dict[tuple[float, float], list[tuple[str, nn.Parameter]]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        depth = depths.get(parameter)
        rate = head_rate
        if depth is not None:
            rate = config.learning_rate * config.layer_decay ** (layers - depth)
        plain = name.endswith("bias") or NORM.search(name) is not None or parameter in embeddings
        groups.setdefault((rate, 0.0 if plain else config.weight_decay), []).append(
            (name, parameter)
        )
    return [
        {"params": parameters, "lr": rate, "weight_decay": decay}
        for (rate, decay), parameters in groups.items()
    ]


def rate_factor(step: float, total: int, config: RunConfig) -> float:
    """The share of the peak learning rate at a step counted from 0."""
    warm = math.ceil(config.warmup * total)
    if step < warm:
        return (step + 1) / (warm + 1)
    if config.schedule == "constant":
        return 1.0
    done = (step - warm) / max(1, total - warm)
    if config.schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * done))
    return 1.0 - done


class Optimizer:
    """AdamW (Loshchilov & Hutter 2019), fused, whose step also normalises and clips.

    Gradients arrive as sums over the step's items; dividing them by the items and clipping their
    norm happen inside the fused kernel instead of in passes of their own. A table of embeddings
    with sparse gradients is stepped by the rows that training has used, with the same result.

    Args:
        model: whose trainable parameters are updated.
        config: rates, decay, clipping.

    Attributes:
        casts: the layers whose weights are kept in bf16 too, by the `id` of the weight.

    Raises:
        ConfigError: no parameter is left to train.
    """

    def __init__(self, model: nn.Module, config: RunConfig) -> None:
        self.config = config
        groups = parameter_groups(model, config)
        self.parameters = self.parameters_of(groups)
        sparse = {m.weight for m in model.modules() if isinstance(m, nn.Embedding) and m.sparse}
        self._rows = {p: Rows(p) for p in self.parameters if p in sparse}
        for group in groups:
            group["params"] = [
                self._rows[p].weight if p in self._rows else p for _, p in group["params"]
            ]
        self._adamw = torch.optim.AdamW(groups, lr=config.learning_rate, fused=True)
        self._peaks = [group["lr"] for group in groups]
        self.casts: Mapping[int, CastLinear] = {}

    @staticmethod
    def parameters_of(groups: list[dict[str, Any]]) -> list[nn.Parameter]:
        """The parameters of all groups.

        Raises:
            ConfigError: there are none.
        """
        if not groups:
            raise ConfigError(
                "every parameter is frozen: nothing is left to train",
                where="run.freeze, or build_head of a plugin",
                hint="freeze less; what shall learn later is frozen in on_run_start, when the optimizer "
                "has it already",
            )
        return [parameter for group in groups for _, parameter in group["params"]]

    def step(self, items: Tensor, factor: float, total: Tensor | None = None) -> Tensor | None:
        """Update the weights; a loss or a gradient that is not finite leaves them as they are.

        Args:
            items: what the summed gradients are divided by, a scalar; the weights stay if it is not above 0.
            factor: share of the peak learning rate.
            total: the summed loss, a scalar, where it may be infinite and the gradient is not.

        Returns:
            The norm of the normalised gradient before clipping, a scalar, 0 without items;
            ``None`` where no parameter has a gradient.
        """
        for group, peak in zip(self._adamw.param_groups, self._peaks, strict=True):
            group["lr"] = peak * factor
        gradients = [
            self._rows[p].take(self._adamw) if p in self._rows else p.grad for p in self.parameters
        ]
        present = [gradient for gradient in gradients if gradient is not None]
        if not present:
            return None
        norm = torch.where(items > 0, norm_of(present) / items, 0.0)
        skip = ~(items > 0) | ~torch.isfinite(norm if total is None else norm + total)
        scale = items.float()
        if self.config.clip is not None:
            scale = scale * torch.clamp(norm / self.config.clip, min=1.0)
        # What a gradient scaler sets on a fused optimizer: divide by one, skip where the other is 1.
        of_scaler = {"grad_scale": scale, "found_inf": skip.float()}
        vars(self._adamw).update(of_scaler)
        self._step_casts(of_scaler)
        self._adamw.step()
        for rows in self._rows.values():
            rows.give()
        return norm

    def _step_casts(self, of_scaler: Mapping[str, Tensor]) -> None:
        """The step of weights whose gradients are in bf16, one after the other: torch's kernel wants float32."""
        for group in self._adamw.param_groups:
            beta1, beta2 = group["betas"]
            for parameter in group["params"]:
                layer = self.casts.get(id(parameter))
                if layer is None or parameter.grad is None:
                    continue
                low = parameter.grad.dtype != parameter.dtype
                if low:
                    moments = self._adamw.state[parameter]
                    if not moments:
                        zeros = {k: torch.zeros_like(parameter) for k in ("exp_avg", "exp_avg_sq")}
                        moments.update(step=torch.zeros(()), **zeros)
                    moments["step"] += 1
                    torch._fused_adamw_(
                        [parameter.detach()],
                        [parameter.grad.float()],
                        [moments["exp_avg"]],
                        [moments["exp_avg_sq"]],
                        [],
                        [moments["step"]],
                        lr=group["lr"],
                        beta1=beta1,
                        beta2=beta2,
                        weight_decay=group["weight_decay"],
                        eps=group["eps"],
                        amsgrad=False,
                        maximize=False,
                        **of_scaler,
                    )
                    moments["step"] -= of_scaler["found_inf"]
                    parameter.grad = None
                layer.written(near=low)

    def zero(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def state(self) -> Any:
        """What a checkpoint must keep beside `tensors`, as JSON values."""
        return None

    def tensors(self, model: nn.Module) -> dict[str, Tensor]:
        """AdamW's moments and step counts, by what they are and the parameter's name."""
        found = {}
        for name, parameter in self.learning(model).items():
            rows = self._rows.get(parameter)
            moments = self._adamw.state.get(parameter if rows is None else rows.weight, {})
            for kind, value in (moments if rows is None else rows.state(moments)).items():
                found[f"{kind}/{name}"] = value
        return found

    def load(self, model: nn.Module, tensors: Mapping[str, Tensor], state: Any = None) -> None:
        """Take up moments, the model's weights being restored already.

        Args:
            model: whose parameters are meant.
            tensors: what `tensors` gave.
            state: what `state` gave.

        Raises:
            ValueError: they do not fit, saying for instance which.
        """
        if state is not None:
            raise ValueError("the state of another optimizer")
        learning = self.learning(model)
        states: dict[str, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            kind, _, name = key.partition("/")
            states.setdefault(name, {})[kind] = value
        for name, state in states.items():
            if name not in learning:
                raise ValueError(name)
            parameter = learning[name]
            try:
                self._load(parameter, state)
            except (ValueError, IndexError) as error:
                raise ValueError(name) from error

    def _load(self, parameter: nn.Parameter, state: dict[str, Tensor]) -> None:
        rows = self._rows.get(parameter)
        if rows is not None:
            state = rows.load(state, self._adamw)
        elif "rows" in state:
            state = spread(state, parameter.shape)
        owner = parameter if rows is None else rows.weight
        shapes = {"step": torch.Size([]), "exp_avg": owner.shape, "exp_avg_sq": owner.shape}
        if {kind: value.shape for kind, value in state.items()} != shapes:
            raise ValueError("the moments do not fit the parameter")
        self._adamw.state[owner] = {k: value.to(owner.device) for k, value in state.items()}

    def require_all(self, model: nn.Module, who: str) -> None:
        """See that every parameter that learns is in the optimizer.

        Args:
            model: whose parameters are looked at.
            who: may have unfrozen one, for the message.

        Raises:
            PluginError: one was unfrozen that the optimizer was built without.
        """
        own = {id(parameter) for parameter in self.parameters}
        lost = [n for n, p in model.named_parameters() if p.requires_grad and id(p) not in own]
        if lost:
            raise PluginError(
                f"{len(lost)} parameters were unfrozen that the optimizer does not have, such as "
                f"{lost[0]}: they would never be trained",
                where="on_epoch_start",
                who=who,
                hint="leave them trainable in build_head (and by run.freeze), freeze them in "
                "on_run_start, and unfreeze them later",
            )

    def learning(self, model: nn.Module) -> dict[str, nn.Parameter]:
        """The parameters that the optimizer has, by name."""
        own = {id(parameter) for parameter in self.parameters}
        return {name: p for name, p in model.named_parameters() if id(p) in own}


def norm_of(gradients: list[Tensor]) -> Tensor:
    """The norm of all gradients together, a scalar."""
    norms = torch._foreach_norm(gradients)
    stacked = torch.stack([norm.float() for norm in norms])
    return stacked.square().sum().sqrt()
