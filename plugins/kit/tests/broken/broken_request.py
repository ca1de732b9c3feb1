"""Shows a request that lacks what it asks for."""

from ft import DataError, hookimpl
from ft_kit.tasks import WordsTask


class Broken(WordsTask):
    name = "broken_request"

    @hookimpl
    def read_request(self, request):
        if "verse" not in request:
            raise DataError("a request needs a verse")
        return {"tokens": request["verse"].split()}

    def request_schema(self, run):
        return {"type": "object", "examples": [{"text": "the cat sat on the mat"}]}
