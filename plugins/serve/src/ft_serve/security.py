"""Who may ask: a key, compared in constant time, and the names by which the server is called."""

from __future__ import annotations

import hmac
import ipaddress
import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from ft import UserError
from ft_serve.refusal import Refusal

VARIABLE = "FT_SERVE_API_KEY"
LOCAL = ("localhost", "127.0.0.1", "::1")
"""What a machine calls itself."""

LEAST = 16
"""Characters of a key that nobody guesses."""


def api_key(file: Path | None, environment: Mapping[str, str] = os.environ) -> str | None:
    """The key that clients must show: of a file, else of the variable `VARIABLE`.

    Raises:
        UserError: the file cannot be read, or the key is too short.
    """
    if file is None:
        key, where = environment.get(VARIABLE, ""), VARIABLE
        if not key:
            return None
    else:
        try:
            key, where = file.read_text(encoding="utf-8").strip(), str(file)
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"the key cannot be read: {error}", where=str(file)) from error
    if len(key) < LEAST:
        raise UserError(
            f"the key has fewer than {LEAST} characters",
            where=where,
            hint="make one: python -c 'import secrets; print(secrets.token_urlsafe())'",
        )
    return key


def check_key(key: str | None, headers: Mapping[str, str]) -> None:
    """Refuse a request that does not show the key, in ``Authorization: Bearer`` or ``X-API-Key``.

    Raises:
        Refusal: it does not.
    """
    if key is None:
        return
    scheme, _, token = headers.get("authorization", "").partition(" ")
    shown = token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
    # Digests have one length, so that the time tells nothing of the key's.
    if not hmac.compare_digest(*(sha256(one.encode()).digest() for one in (shown, key))):
        raise Refusal(
            401,
            "no_key",
            "show the server's key: Authorization: Bearer KEY",
            {"WWW-Authenticate": "Bearer"},
        )


def is_local(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def check_host(hosts: tuple[str, ...] | None, headers: Mapping[str, str]) -> None:
    """Refuse to be called by another name than the server's.

    A page of a stranger, opened in a browser on this machine, could otherwise reach a server that
    listens here alone, by a name that resolves to this machine.

    Raises:
        Refusal: it is called by another.
    """
    if hosts is None:
        return
    called = headers.get("host", "")
    name = called.rpartition(":")[0] if called.rpartition(":")[2].isdigit() else called
    if name.lower().strip("[]") not in hosts:
        raise Refusal(
            421, "wrong_host", "the server is not called so: see --allow-host in `ft serve --help`"
        )
