"""HTTP over a connection, with a limit on the time that a client takes to send its request."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_HEADERS = 65_536
"""Bytes of the headers of a request."""

MOST_UNREAD = 64 * 2**20
"""Bytes of a body that a client may go on sending after its answer, until it is hung up on."""

GONE = "ft_serve.gone"
"""Key of the extensions of a request's scope: a future that is done when the client is gone."""

WHOLE = "ft_serve.whole"
"""Key of the extensions of a request's scope: its body is there."""

LINGER = 1.0
"""Seconds in which a client that was refused may read why."""


class Joined:
    """A transport that sends what is written in one go, such as headers and body, in one call.

    Args:
        transport: of the connection.
        loop: it is sent when the loop comes round.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send the bytes soon."""
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)

    def close(self) -> None:
        """Close the connection once everything is sent."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        parts, self._parts = self._parts, []
        if parts and not self._transport.is_closing():
            self._transport.write(b"".join(parts))


def protocol(read_timeout: float) -> type[HttpToolsProtocol]:
    """The protocol of connections on which a request must come within so many seconds.

    A client that sends its headers too slowly is answered with 408; of a body that comes too slowly
    the application is in charge, and here the connection is closed if its request was refused already
    and the rest does not come to an end.
    """

    class Limited(HttpToolsProtocol):
        _timer: asyncio.TimerHandle | None = None
        _headers_done = False
        _bytes = 0
        _unread = 0
        _refused = False

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            joined: Any = Joined(transport, self.loop)
            self._gone: asyncio.Future[None] = self.loop.create_future()
            super().connection_made(joined)
            self._arm()

        def connection_lost(self, exc: Exception | None) -> None:
            self._disarm()
            self._gone.set_result(None)
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if self._refused:
                return
            if self._timer is None:
                self._arm()
            if not self._headers_done:
                self._bytes += len(data)
            elif self._is_answered():
                self._unread += len(data)
                if self._unread > MOST_UNREAD:
                    self.transport.close()
                    return
            super().data_received(data)
            if not self._headers_done and self._bytes > MOST_HEADERS:
                self._refuse(b"431 Request Header Fields Too Large", b"headers_too_long")

        def on_headers_complete(self) -> None:
            self._headers_done = True
            cast(dict[str, Any], self.scope)["extensions"] = {GONE: self._gone}
            super().on_headers_complete()

        def on_message_complete(self) -> None:
            self._disarm()
            cast(dict[str, Any], self.scope)["extensions"][WHOLE] = True
            self._headers_done, self._bytes, self._unread = False, 0, 0
            super().on_message_complete()

        def _arm(self) -> None:
            self._timer = self.loop.call_later(read_timeout, self._late)

        def _disarm(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _is_answered(self) -> bool:
            cycle: Any = self.cycle
            return cycle is not None and bool(cycle.response_complete)

        def _late(self) -> None:
            self._timer = None
            if self.transport.is_closing():
                return
            if self._headers_done and self.cycle is not None and not self._is_answered():
                self._timer = self.loop.call_later(1, self._late)  # the application answers
            elif not self._headers_done and self._bytes:
                self._refuse(b"408 Request Timeout", b"slow_client")
            else:
                self.transport.close()

        def _refuse(self, status: bytes, code: bytes) -> None:
            if self.transport.is_closing():
                return
            body = b'{"error": {"code": "%s", "message": "%s"}}' % (code, status[4:])
            lines = [
                b"HTTP/1.1 " + status,
                b"content-type: application/json",
                b"content-length: %d" % len(body),
                b"connection: close",
            ]
            self.transport.write(b"\r\n".join([*lines, b"", body]))
            # A socket that is closed with bytes unread takes back what was written to it.
            self._refused = True
            self._disarm()
            self._timer = self.loop.call_later(LINGER, self.transport.close)

    return Limited
