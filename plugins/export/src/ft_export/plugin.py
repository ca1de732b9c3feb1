"""The plugin that an exported run names behind its own: it loads the exported model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from ft import Plugin, PluginError, TaskData, hookimpl

if TYPE_CHECKING:
    from ft import Run


class Exported(Plugin):
    """Loads the model that `ft export` wrote; everything else is done by the run's other plugins."""

    @hookimpl
    def load_model(self, inner: object, run: Run, folder: Path) -> nn.Module:
        """The exported graphs, called as the trained model was."""
        from ft_export.form.loaded import load

        return load(folder, run.device)

    @hookimpl
    def build_head(self, inner: object, run: Run, data: TaskData) -> nn.Module:
        """Refused: an exported model does not learn.

        Raises:
            PluginError: always.
        """
        raise PluginError(
            "an exported model cannot be trained",
            who=f"plugin '{self.name}' (ft-export)",
            hint=f"leave '{self.name}' out of --plugins: `ft export` names it in what it writes",
        )
