"""Rules on what a plugin looks like, before anything runs."""

from __future__ import annotations

import inspect

from ft.contract.errors import FtError, PluginError
from ft.contract.plugin import fields_by_key
from ft.hooks.chain import Member
from ft.hooks.hooks import Hooks, specs
from ft.loading.outline import outline_of
from ft_kit.bench import Subject, checked
from ft_kit.contract import Broken, NotApplicable
from ft_kit.exam import Exam
from ft_kit.rules.shared import said

METHODS = {
    "forwards": ["inner"],
    "state_dict": [],
    "load_state_dict": ["state"],
}
"""Methods that the core calls besides hooks, with the arguments that it gives."""


def hooks(exam: Exam) -> None:
    """A method with the name of a hook but without `@hookimpl` would never be called; a marked one
    that is no hook, or asks for an argument that the hook does not have, is refused when a run
    begins. `forwards`, `state_dict` and `load_state_dict` are called as `ft.Plugin` has them.
    """
    from ft.builtin import builtin

    cls = exam.subject.loaded.cls
    for name in specs():
        method = getattr(cls, name, None)
        if method is not None and not hasattr(method, "ft_impl"):
            raise Broken(f"{name} is not marked", f"write @hookimpl above {name}")
    _, errors = checked(exam.subject, {})
    if errors:
        raise NotApplicable(f"its settings are not complete: {said(errors[0])}")
    host = next(exam.hosts())
    members = [_member(one) for one in ([host] if host else []) + exam.own]
    ours = [Member(name, built(), None, None) for name, built in builtin().items()]
    for one in ours:
        one.plugin.seed(one.name, 0)
    try:
        Hooks(members, ours)
    except PluginError as error:
        raise Broken(error.what, error.hint or "see the list of hooks") from error
    except FtError as error:
        raise Broken(said(error), "see the list of hooks") from error
    if not outline_of(cls).hooks:
        raise Broken("it implements no hook", "mark a method with @hookimpl")
    for name, arguments in METHODS.items():
        given = list(inspect.signature(getattr(cls, name)).parameters)[1:]
        if given != arguments:
            raise Broken(
                f"{name} takes ({', '.join(given)})",
                f"write def {name}({', '.join(['self', *arguments])})",
            )


def _member(subject: Subject) -> Member:
    plugin = subject.loaded.cls(checked(subject, {})[0])
    plugin.seed(subject.name, 0)
    return Member(subject.name, plugin, subject.loaded.distribution, subject.loaded.version)


def settings(exam: Exam) -> None:
    """The settings are a pydantic model that derives from `ft.Config`, which refuses unknown keys.
    Each has a `description`, which `ft plugins show` prints. A value that does not fit is refused
    with the setting's name: a validator raises `ValueError` and no other exception.
    """
    subject = exam.subject
    fields = fields_by_key(subject.loaded.cls.Config)
    silent = [key for key, field in fields.items() if not (field.description or "").strip()]
    if silent:
        raise Broken(
            f"the setting {subject.name}.{silent[0]} has no description",
            'write Field(..., description="what it means, with its unit")',
        )
    unknown = "no_such_setting"
    if not any(unknown in str(error) for error in checked(subject, {unknown: 1})[1]):
        raise Broken(
            f"the unknown setting {subject.name}.{unknown} is taken without a word",
            "derive Config from ft.Config and leave its `extra` at 'forbid'",
        )
    for key in fields:
        for odd in ("?", -1, {"?": ["?"]}):
            for error in checked(subject, {key: odd})[1]:
                if isinstance(error, PluginError):
                    raise Broken(
                        f"{subject.name}.{key} = {odd!r}: {error.what}",
                        "raise ValueError with a sentence in the validator",
                    )
