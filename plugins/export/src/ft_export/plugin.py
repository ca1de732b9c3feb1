"""The plugin that an exported run names behind its own: it loads the exported model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from ft import Plugin, PluginError, TaskData, hookimpl

if TYPE_CHECKING:
    from ft import Run


class Exported(Plugin):
    """Loads the model that `ft export` wrote; everything else is done by the run's other plugins."""

    @hookimpl
    def load_model(self, inner: Callable[..., nn.Module], run: Run, folder: Path) -> nn.Module:
        """The exported graphs, called as the trained model was; or that model with layers of 8 bits.

        Raises:
            DataError: the folder does not hold what `ft export` writes, or this machine cannot compute it.
        """
        from ft_export.form.loaded import load, read_index
        from ft_export.form.torch_int8 import load_int8

        index = read_index(folder)
        if index["format"] == "torch":
            return load_int8(inner(run, folder), index, folder, run.device)
        return load(index, folder, run.device)

    @hookimpl
    def build_head(self, inner: Callable[..., nn.Module], run: Run, data: TaskData) -> nn.Module:
        """Refused, but where a model is loaded: an exported one does not learn.

        Raises:
            PluginError: always else.
        """
        if run.restored:
            return inner(run, data)
        raise PluginError(
            "an exported model cannot be trained",
            who=f"plugin '{self.name}' (ft-export)",
            hint=f"leave '{self.name}' out of --plugins: `ft export` names it in what it writes",
        )
