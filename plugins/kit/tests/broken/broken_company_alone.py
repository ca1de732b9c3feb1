"""Refuses to work with a technique, in both orders."""

from ft import Plugin, PluginError, hookimpl


class Broken(Plugin):
    @hookimpl
    def on_run_start(self, run):
        if any(member.name == "kit-twice" for member in run.hooks.members):
            raise PluginError("it does not like 'kit-twice'")
