"""A run folder of a finished run whose model has another form, such as an exported one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ft.config.resolve import resolve
from ft.config.write import to_toml
from ft.contract.errors import UserError
from ft.contract.files import PARTIAL, file_hash, remove
from ft.engine.resume import made_with
from ft.engine.resume.record import plugin_rows
from ft.engine.saved import file_hashes
from ft.runfolder import origin, untrusted
from ft.runfolder.folder import RunFolder


def derive(
    source: Path,
    target: Path,
    plugins: Sequence[str],
    write: Callable[[Path], None],
    measure: Callable[[Path], Mapping[str, Any]],
) -> None:
    """See `ft.derive`."""
    untrusted.refuse(source)
    old = RunFolder(source)
    if target.exists():
        raise UserError("this is there already", where=str(target), hint="name another folder")
    if not old.record.exists():
        raise UserError("there is no finished run here", where=str(source))
    task, record = old.read_sealed(old.task), old.read_sealed(old.record)
    named = [one.spec for one in resolve(None, file=old.config).plugins]
    resolved = resolve([*named, *plugins], file=old.config)
    partial = target.with_name(f".{target.name}{PARTIAL}")
    remove(partial)
    new = RunFolder(partial)
    try:
        new.create()
        new.write_text(new.config, to_toml(resolved))
        made_with.keep(new, resolved)
        new.model.mkdir()
        write(new.model)
        changed = {"settings": made_with.settings(resolved), "model": file_hashes(new.model)}
        new.write_sealed(new.task, {**task, **changed})
        if origin.made_here(source, named):
            origin.mark(partial, [one.spec for one in resolved.plugins])
        rows = {"plugins": plugin_rows(resolved), "derived_from": file_hash(old.task)}
        new.write_sealed(new.record, {**record, **rows, **measure(partial)})
        partial.rename(target)
    finally:
        new.release()
        remove(partial)
