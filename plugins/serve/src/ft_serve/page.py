"""The page on which a person tries a model: one file, which asks no other server for anything."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import entry_points
from importlib.resources import files

VIEW = "view.js"
"""A file of a task's package that shows its answers: see ``static/views.js`` for what it holds."""


def page(nonce: str, plugins: Iterable[str]) -> str:
    """The page.

    Args:
        nonce: by which the browser knows the scripts and styles of the page.
        plugins: names of the plugins whose packages may bring a view.
    """
    static = files("ft_serve") / "static"
    scripts = [
        static.joinpath(name).read_text(encoding="utf-8") for name in ("views.js", "page.js")
    ]
    scripts[1:1] = views(plugins)
    parts = {
        "STYLE": static.joinpath("style.css").read_text(encoding="utf-8"),
        "SCRIPTS": "\n".join(f'<script nonce="NONCE">{script}</script>' for script in scripts),
        "NONCE": nonce,
    }
    text = static.joinpath("page.html").read_text(encoding="utf-8")
    for name, part in parts.items():
        text = text.replace(name, part)
    return text


def views(plugins: Iterable[str]) -> list[str]:
    """The views that the packages of installed plugins bring."""
    found = {}
    for plugin in dict.fromkeys(plugins):
        for point in entry_points(group="ft.plugins", name=plugin):
            file = files(point.module.partition(".")[0]) / VIEW
            if file.is_file():
                found[str(file)] = file.read_text(encoding="utf-8")
    return list(found.values())
