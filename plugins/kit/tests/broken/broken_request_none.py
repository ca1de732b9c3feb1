"""Reads requests of its own form, and shows none."""

from ft import hookimpl
from ft_kit.tasks import WordsTask


class Broken(WordsTask):
    name = "broken_request_none"

    @hookimpl
    def read_request(self, request):
        return {"tokens": request["verse"].split()}
