"""What a plugin author writes: a class with hooks and a `Config`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pluggy
from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    import numpy as np
    from pydantic.fields import FieldInfo
    from torch import Tensor

PROJECT = "ft"
"""What pluggy calls our hooks and their marks."""

hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a method of a plugin as the implementation of the hook of the same name."""


class Config(BaseModel):
    """Base of every plugin's settings: typed, with defaults and help, unknown keys forbidden.

    Write ``setting: float = Field(0.1, ge=0, le=1, description="...")``; the description is what
    ``ft plugins show`` prints.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False
    )


def derive_seed(seed: int, *keys: object) -> int:
    """A 64-bit seed that depends on nothing but ``seed`` and ``keys``, on every machine."""
    text = "\x1f".join(str(key) for key in (seed, *keys))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


class Plugin:
    """Base of every plugin. One instance serves one run.

    Attributes:
        config: its validated settings.
        name: the name under which the user chose it.
        rng: a random generator of its own, seeded from the run's seed and its name, so that
            adding one plugin never shifts the random numbers of another. Its state is saved in
            every checkpoint.
        early_backward: declares that its `compute_loss` calls `run.backward` on what `inner`
            returned, so that a technique outside it cannot use the graph of those outputs.
        needs_graph: declares that its `compute_loss` needs the graph of what `inner` returned,
            or rescales its total, and so must be named nearer to the task than any technique
            with ``early_backward``.
        own_items: declares that its `loss_of` uses ``run.join``: its parts have items of their own.
        whole_batch: declares that the loss compares the examples of a batch with each other, so that
            the batch must not be cut: `compute_loss` is given all of it, also of several processes,
            and a model that runs it in chunks where ``run.max_tokens`` does not hold it (Gao et al.
            2021, GradCache). The model must treat every example alone (no BatchNorm). Beside
            ``early_backward`` the batch must be one pass.
        varies: declares of a provider of `encode` that its features differ from epoch to epoch, so
            that none are kept; it draws from ``self.rng_at(run.epoch, example_id)``.
        needs: plugins that must be named too.
        after: plugins that, where they are named, must be named before it.
        before: plugins that, where they are named, must be named after it.
        conflicts: plugins that it cannot work with.
        needs_schema: what the data must have, all of it: ``words``, ``tags``, ``texts``,
            ``editable`` (a text that may be rewritten), ``pair`` (two texts), ``label``,
            ``label:single`` (or ``multi``, ``ordinal``, ``number``), ``target:spans`` (or any other
            kind of `Target`, among several targets too), ``images``, ``group``, ``numbers``,
            ``categories``. ``"words|texts"`` asks for one of several.
        families: the kinds of model that it is made for, of ``encoder``, ``decoder``,
            ``encoder-decoder``, ``image`` (a vision transformer), ``convnet``; none: ``encoder``.
            `ft check` tries it on a tiny one of each. A run does not look at it.
    """

    Config: ClassVar[type[Config]] = Config
    early_backward: bool = False
    needs_graph: bool = False
    own_items: bool = False
    whole_batch: bool = False
    varies: bool = False
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    needs_schema: tuple[str, ...] = ()
    families: tuple[str, ...] = ()

    name: str
    rng: np.random.Generator

    def __init__(self, config: Any = None) -> None:
        self.config: Any = self.Config() if config is None else config

    @classmethod
    def example_settings(cls, folder: Path) -> dict[str, Any]:
        """Settings with which the plugin works on tiny data that it writes into ``folder`` itself.

        `ft check` and the tests of `ft_kit` use them: a task that reads files writes a
        few dozen short examples (a training, a validation and a test split) and names them. What
        needs no data, such as most techniques, leaves it as it is.
        """
        return {}

    @classmethod
    def run_defaults(cls, config: Any) -> dict[str, Any]:
        """Settings of the run that suit this plugin better than the core's own defaults.

        They stand below everything that the user gives, and `ft run --explain` says whose they
        are. Of two plugins that give the same one, the one named later counts.

        Args:
            config: the plugin's checked settings.

        Returns:
            Values by name, such as ``{"batch_size": 512}``.
        """
        return {}

    def seed(self, name: str, seed: int) -> None:
        """Called once by the core, before any hook."""
        import numpy as np

        self.name = name
        self._seed = seed
        self.rng = np.random.Generator(np.random.PCG64(derive_seed(seed, name)))

    def rng_at(self, *keys: object) -> np.random.Generator:
        """A generator that depends only on the run's seed, this plugin's name and ``keys``.

        Use it where the order of calls is not fixed, above all in `encode`:
        ``self.rng_at(run.epoch, example_id)`` gives the same numbers in any batch order, in any
        process, and after a resume.
        """
        import numpy as np

        return np.random.Generator(np.random.PCG64(derive_seed(self._seed, self.name, *keys)))

    def forwards(self, inner: int) -> int:
        """Forward passes through the model in a training step, given those of what it wraps.

        A technique that runs `inner` twice returns ``2 * inner``; so does a task whose `compute_loss`
        calls the model twice, which is given 1. ``ft run --explain`` prints it.
        """
        return inner

    def cache_key(self, run: Any) -> Any:
        """What the features of a provider of `encode` depend on beside its code and settings.

        The core knows the data, the schema, the tokenizer, ``run.max_length``, the plugin's settings and
        every local module that it imports. A lexicon, or files that the examples name, are not among
        them: return their hashes.

        Args:
            run: the `Run`, with its data.

        Returns:
            A JSON value; features are encoded anew where it differs.
        """
        return None

    def request_schema(self, run: Any) -> Mapping[str, Any]:
        """What a request of this task looks like, as a JSON schema, for a server's documentation.

        Asked of the task, or where it has none, of the plugin that provides `read_request`.

        ``examples`` are requests that any trained model of the task answers. A property that names
        files to be read has ``"format": "path"``: a server refuses it in what strangers send.

        Args:
            run: the `Run`, with its schema and its model.
        """
        return {}

    def learning_rate(self, run: Any, progress: float) -> float:
        """The schedule: what the peak learning rates are multiplied with at a share of the run.

        One plugin of a run may have this method; it takes the place of ``run.schedule`` and
        ``run.warmup``.

        Args:
            run: the `Run`.
            progress: share of the planned training that is done before the step, from 0, below 1.

        Returns:
            The factor, at least 0.
        """
        raise NotImplementedError

    def evaluation_weights(self, run: Any) -> Mapping[str, Tensor]:
        """Weights that are evaluated, chosen and saved in place of the trained ones.

        Called in every process before each evaluation of the validation split, and at the end of a
        run without one. One plugin of a run may have this method.

        Returns:
            Tensors by the names of ``run.model.named_parameters()`` and ``named_buffers()``, in their
            shapes; what is left out stays as it was trained.
        """
        raise NotImplementedError

    def state_tensors(self) -> Mapping[str, Tensor]:
        """Tensors that must survive a resume, by names of the plugin's own.

        Kept in every checkpoint as safetensors. The main process is asked; all of them must hold the
        same.
        """
        return {}

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Take back what `state_tensors` gave, on the run's device; after `load_state_dict`."""

    def state_dict(self) -> dict[str, Any]:
        """What must survive a resume, as JSON values; `rng` is saved by the core."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave."""


def setting_key(name: str, field: FieldInfo) -> str:
    """The key by which a field is set: its alias if it has one."""
    alias = field.validation_alias if isinstance(field.validation_alias, str) else field.alias
    return alias or name


def fields_by_key(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a model by the key that sets them, without `DataConfig.unused_settings`."""
    unused = getattr(model, "unused_settings", ())
    return {
        setting_key(name, field): field
        for name, field in model.model_fields.items()
        if name not in unused
    }
