"""The technique: the encoder stands still, a method of the settings learns beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from ft import ConfigError, Plugin, Run, TaskData, hookimpl
from ft_peft.parts import encoder_of, fresh_poolers, output_layer
from ft_peft.settings import PROMPTS, RATES, PeftSettings
from ft_peft.shared import held

if TYPE_CHECKING:
    from ft_peft.budget import Budget
    from ft_peft.methods import Method

BASE, ADAPTER = "base", "adapter"
"""Folders within that of a saved model: the plain model without the adapter, and the adapter."""


class Peft(Plugin):
    """Trains a little beside an encoder that stands still, and the head; saves both as others load them.

    What is logged with `adalora`: ``peft/orthogonal``, the loss of singular vectors that are not orthogonal,
    and ``peft/ranks``, how many singular values are left.
    """

    Config = PeftSettings
    config: PeftSettings
    families = ("encoder", "decoder")

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._method: Method | None = None
        self._budget: Budget | None = None

    @classmethod
    def run_defaults(cls, config: Any) -> dict[str, Any]:
        """The method's learning rate, and no decay: what learns begins at the pre-trained model."""
        return {"learning_rate": RATES[config.method], "weight_decay": 0.0}

    @hookimpl
    def build_head(self, inner: Callable[..., nn.Module], run: Run, data: TaskData) -> nn.Module:
        """The task's model, its encoder frozen and the method put into it."""
        model = inner(run, data)
        if run.restored:  # `load_model` puts the adapter in, if there is one beside the model
            return model
        if run.config.freeze == "encoder":
            raise ConfigError(
                "nothing of the encoder learns with freeze = 'encoder', and peft trains a little of it",
                where="run.freeze",
                hint="leave freeze out, or peft",
            )
        encoder = encoder_of(model)
        poolers = fresh_poolers(run, model, encoder)
        still = [encoder, output_layer(model)]
        for module in still:
            if module is not None:
                module.requires_grad_(False)
        self._method = method_of(self.config)
        if self.config.method in PROMPTS:
            self._method.room(encoder, run.max_length)  # type: ignore[attr-defined]
        self._method.attach(model)
        for pooler in poolers:
            pooler.requires_grad_(True)
        return model

    @hookimpl
    def on_features(self, run: Run) -> None:
        """Say how much learns, and make AdaLoRA's budget."""
        assert run.model is not None
        run.note(_share(self.config, run.model))
        if self.config.method == "adalora":
            from ft_peft.budget import Budget

            self._budget = Budget(encoder_of(run.model))

    @hookimpl
    def on_gradients(self, run: Run) -> None:
        """Let AdaLoRA look at the gradients."""
        if self._budget is not None:
            run.log(self, "orthogonal", self._budget.before_step(run))

    @hookimpl
    def on_step(self, run: Run) -> None:
        """Let AdaLoRA keep its budget."""
        if self._budget is not None:
            self._budget.after_step(run)
            if self._budget.kept:
                run.log(self, "ranks", sum(map(sum, self._budget.kept.values())))

    @hookimpl
    def save_model(
        self, inner: Callable[..., None], run: Run, model: nn.Module, folder: Path
    ) -> None:
        """One plain model; or the plain model as it was in ``base``. The adapter is in ``adapter``."""
        from ft_peft.methods import saved_as_plain

        assert self._method is not None
        target = folder
        if not self.config.merges:
            target = folder / BASE
            target.mkdir()
            if run.processor is not None:
                run.processor.save_pretrained(folder)
        with saved_as_plain(self._method.plain(model, merge=self.config.merges)):
            inner(run, model, target)
        if self.config.method != "bitfit":
            (folder / ADAPTER).mkdir()
            self._method.write(model, run.config.model, folder / ADAPTER)

    @hookimpl
    def load_model(self, inner: Callable[..., nn.Module], run: Run, folder: Path) -> nn.Module:
        """The merged model, or the plain one with the adapter; weights that others have are shared."""
        if self.config.merges:
            model = inner(run, folder)
        else:
            model = inner(run, folder / BASE)
            self._method = method_of(self.config)
            self._method.read(model, folder / ADAPTER)
        model.to(run.device)
        held().share(model)
        return model

    def state_dict(self) -> dict[str, Any]:
        """See `Plugin.state_dict`."""
        return {"kept": self._budget.kept} if self._budget else {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """See `Plugin.load_state_dict`; a resume calls it after `on_features`."""
        if self._budget is not None:
            self._budget.kept = dict(state["kept"])

    def state_tensors(self) -> Mapping[str, Tensor]:
        """See `Plugin.state_tensors`."""
        return self._budget.tensors() if self._budget else {}

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """See `Plugin.load_state_tensors`."""
        if self._budget is not None:
            self._budget.load(tensors)


def method_of(settings: PeftSettings) -> Method:
    """The method of the settings; what it needs is imported with it."""
    if settings.method in PROMPTS:
        from ft_peft.prompts import Prompts

        return Prompts(settings)
    if settings.method == "adapter":
        from ft_peft.bottleneck import Bottlenecks

        return Bottlenecks(settings)
    if settings.method == "bitfit":
        from ft_peft.bitfit import BitFit

        return BitFit(settings)
    from ft_peft.injected import Injected

    return Injected(settings)


def _share(settings: PeftSettings, model: nn.Module) -> str:
    """What is said of how much learns."""
    own = {p: p.numel() for p in model.parameters()}
    inside = set(encoder_of(model).parameters())
    learnt = {p: n for p, n in own.items() if p.requires_grad}
    of_it = sum(n for p, n in learnt.items() if p in inside)
    total, count = sum(own.values()), sum(learnt.values())
    return (
        f"the method {settings.method} trains {count:,} of {total:,} parameters "
        f"({100 * count / total:.2g} %): {of_it:,} in the encoder, {count - of_it:,} of the head"
    )
