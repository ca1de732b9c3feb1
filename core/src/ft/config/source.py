"""Which file the settings of a run come from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ft.contract.errors import UserError
from ft.loading.installed import installed
from ft.runfolder import untrusted

CONFIG_FILE = "config.toml"
"""The resolved configuration in a run folder."""

_EXAMPLES = """name a task, and techniques behind it, for example
      ft run --plugins ner
      ft run --plugins ner,augment -o ner.train=train.conll -o ner.test=test.conll
      ft run --config my.toml
    installed plugins: """


def source_file(
    plugins: Sequence[str] | None,
    config: Path | None,
    output: Path | None,
    resume: Path | None,
    prefix: str = "--",
    *,
    trust_plugins: bool = False,
) -> Path | None:
    """The file that the settings come from: the user's, or that of the run to be resumed.

    Args:
        plugins: those that the user named.
        config: the file that the user named.
        output: the run folder that the user named.
        resume: the run to go on with.
        prefix: of the names of options in messages.
        trust_plugins: run plugin files that the resumed run names, wherever it was made.

    Raises:
        UserError: there is nothing to run, or a resumed run is told what it knows itself.
    """
    if resume is None:
        if plugins is None and config is None:
            names = ", ".join(dict.fromkeys(one.name for one in installed())) or "none"
            raise UserError("nothing to run: no plugin is named", hint=_EXAMPLES + names)
        return config
    for option, value in {"plugins": plugins, "config": config, "output": output}.items():
        if value is not None:
            raise UserError(
                f"a resumed run has its own {option}",
                where=f"{prefix}resume {resume}",
                hint=f"leave {prefix}{option} out; single settings may be given",
            )
    return run_config(resume, trust_plugins=trust_plugins)


def run_config(run: Path, *, trust_plugins: bool = False) -> Path:
    """The configuration of the run in a folder.

    Raises:
        UserError: there is no run, or its folder holds what may not be used.
    """
    file = run / CONFIG_FILE
    if not file.is_file():
        raise UserError(
            f"there is no run here: no {CONFIG_FILE}"
            if run.is_dir()
            else "there is no such folder",
            where=str(run),
            hint="give the folder that `ft run` printed at its end",
        )
    untrusted.refuse(run, trust_plugins=trust_plugins)
    return file
