"""Alarms told: printed, as JSON, to a webhook."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import ft

WAIT = 10.0


def printed(event: dict[str, Any]) -> str:
    """An event for people."""
    if event["event"] == "model":
        return f"model: {event['model']} answers from here on, before it {event['before']}"
    if event["event"] == "end":
        return f"end of {event['id']}: it lasted {event['hours']:,} hours, until {event['time']}"
    lines = [f"ALARM {event['time']} {event['id']}: {event['reason']}"]
    lines += [
        f"    {one['time']} {one['source']}: {one['text'][:100]}" for one in event["examples"]
    ]
    return "\n".join(lines)


def webhook(url: str, say: Callable[[str], None]) -> Callable[[dict[str, Any]], None]:
    """What sends an event as JSON by POST; what fails is said, and the monitor goes on.

    The header ``Idempotency-Key`` is the same where a restart sends an event once more.
    """

    def send(event: dict[str, Any]) -> None:
        key = f"{event['event']}:{event.get('id', event.get('model', ''))}"
        request = urllib.request.Request(
            url,
            json.dumps(event, ensure_ascii=False).encode(),
            {
                "Content-Type": "application/json",
                "Idempotency-Key": key.encode("ascii", "backslashreplace").decode(),
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=WAIT):
                pass
        except (OSError, urllib.error.URLError) as error:
            say(f"the webhook did not take {key}: {error}; it is in alarms.jsonl")

    return send


def check_url(url: str) -> None:
    """Refuse what is no address of a web server.

    Raises:
        ConfigError: it is none.
    """
    if not url.startswith(("http://", "https://")):
        raise ft.ConfigError(f"{url!r} is no address", where="--webhook", hint="https://...")
