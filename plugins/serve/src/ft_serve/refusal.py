"""What the server refuses, each with a status, a code for programs and a sentence for people."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """A request, or one item of it, that is not answered.

    Attributes:
        status: of HTTP.
        code: the same for every refusal of this kind.
        message: what is wrong and what to do.
        headers: that the answer has besides.
    """

    def __init__(
        self, status: int, code: str, message: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}

    def to_json(self) -> dict[str, Any]:
        """What the answer holds."""
        return {"code": self.code, "message": self.message}
