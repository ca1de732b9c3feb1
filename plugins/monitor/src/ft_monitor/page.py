"""The page: the course of each series with its interval, and the alarms in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from html import escape
from typing import Any

SHOWN = 40
"""Series with a chart, those with the most posts."""

DAYS = 366
ALARMS = 200
WIDE, HIGH, LEFT = 720, 110, 40

STYLE = """
:root{color-scheme:light dark;--ink:#1c2330;--faint:#68707d;--line:#d9dde3;--area:#7aa7d933;--curve:#2f6fb3;
--alarm:#c2313b;--back:#fff}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ee;--faint:#98a1ae;--line:#333b47;--area:#6ea3dc44;
--curve:#7db2ea;--alarm:#ff7a80;--back:#14181f}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--back);max-width:50rem;
margin:2rem auto;padding:0 1rem}
h2{margin:2rem 0 .2rem;font-size:1.1rem}p,small{color:var(--faint)}svg{width:100%;height:auto}
svg text{font-size:10px;fill:var(--faint)}article{border-left:4px solid var(--alarm);padding:.2rem .8rem;margin:.8rem 0}
article p{color:var(--ink);margin:.2rem 0}blockquote{margin:.2rem 0;color:var(--faint);overflow-wrap:anywhere}
"""


def page(
    title: str,
    index: Sequence[dict[str, Any]],
    events: Sequence[dict[str, Any]],
    said: Sequence[str],
) -> str:
    """A page that needs nothing else: no network, no script; every text in it is escaped."""
    by_series: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in index:
        by_series[row["series"]].append(row)
    order = sorted(
        by_series, key=lambda name: (name != "all", -sum(r["posts"] for r in by_series[name]))
    )
    alarms = [one for one in events if one["event"] == "alarm"]
    changes = _changes(index)
    parts = [f"<p>{escape(one)}</p>" for one in said]
    parts.append(f"<h2>Alarms ({len(alarms):,})</h2>")
    parts += [_alarm(one, events) for one in reversed(alarms[-ALARMS:])]
    if len(alarms) > ALARMS:
        parts.append(f"<p>{len(alarms) - ALARMS:,} older ones are in alarms.jsonl</p>")
    if not alarms:
        parts.append("<p>none</p>")
    for name in order[:SHOWN]:
        own = [one for one in alarms if one["series"] == name]
        parts.append(_chart(name, by_series[name][-DAYS:], own, changes))
    if len(order) > SHOWN:
        parts.append(f"<p>{len(order) - SHOWN:,} series with fewer posts are in index.jsonl</p>")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head><body><h1>{escape(title)}</h1>{''.join(parts)}</body></html>\n"
    )


def _changes(index: Sequence[dict[str, Any]]) -> list[str]:
    """The days on which another model answered first."""
    found, before = [], None
    for row in index:
        if before is not None and row["model"] != before:
            found.append(row["day"])
        before = row["model"]
    return found


def _alarm(alarm: dict[str, Any], events: Sequence[dict[str, Any]]) -> str:
    end = next((e for e in events if e["event"] == "end" and e["id"] == alarm["id"]), None)
    lasted = f"it lasted {end['hours']:,} hours" if end else "it has not ended"
    quiet = "; silenced" if alarm["silenced"] else ""
    examples = "".join(
        f"<blockquote>{escape(one['time'])} {escape(one['source'])}: {escape(one['text'])}</blockquote>"
        for one in alarm["examples"]
    )
    return (
        f"<article><p><strong>{escape(alarm['series'])}</strong>, {escape(alarm['time'])}: "
        f"{escape(alarm['reason'])}; {lasted}{quiet}</p>{examples}</article>"
    )


def _chart(
    name: str,
    rows: Sequence[dict[str, Any]],
    alarms: Sequence[dict[str, Any]],
    changes: Sequence[str],
) -> str:
    """The index by day, with its interval; days without posts are gaps."""
    first, last = (date.fromisoformat(rows[k]["day"]) for k in (0, -1))
    days = max(1, (last - first).days)

    def x(day: str) -> float:
        return LEFT + (WIDE - LEFT - 8) * (date.fromisoformat(day) - first).days / days

    def y(value: float) -> float:
        return 6 + (HIGH - 24) * (1 - value) / 2

    runs: list[list[dict[str, Any]]] = []
    for row in rows:
        new = not runs or date.fromisoformat(row["day"]) - date.fromisoformat(
            runs[-1][-1]["day"]
        ) > timedelta(1)
        runs.append([row]) if new else runs[-1].append(row)
    parts = [
        f'<line x1="{LEFT}" x2="{WIDE - 8}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="var(--line)"/>'
        f'<text x="{LEFT - 6}" y="{y(value) + 3:.1f}" text-anchor="end">{value:+d}</text>'
        for value in (-1, 0, 1)
    ]
    for run in runs:
        up = [f"{x(r['day']):.1f},{y(r['index']['high']):.1f}" for r in run]
        down = [f"{x(r['day']):.1f},{y(r['index']['low']):.1f}" for r in reversed(run)]
        curve = [f"{x(r['day']):.1f},{y(r['index']['value']):.1f}" for r in run]
        parts.append(f'<polygon points="{" ".join([*up, *down])}" fill="var(--area)"/>')
        parts.append(
            f'<polyline points="{" ".join(curve)}" fill="none" stroke="var(--curve)" stroke-width="1.6" '
            'stroke-linecap="round"/>'
            if len(run) > 1
            else f'<circle cx="{x(run[0]["day"]):.1f}" cy="{y(run[0]["index"]["value"]):.1f}" r="2" '
            'fill="var(--curve)"/>'
        )
    inside = {row["day"] for row in rows}
    parts += [
        f'<line x1="{x(day):.1f}" x2="{x(day):.1f}" y1="6" y2="{HIGH - 18}" stroke="var(--faint)" '
        f'stroke-dasharray="3 3"><title>another model from {day}</title></line>'
        for day in changes
        if rows[0]["day"] <= day <= rows[-1]["day"]
    ]
    for one in alarms:
        day = one["time"][:10]
        if day in inside or rows[0]["day"] <= day <= rows[-1]["day"]:
            parts.append(
                f'<path d="M{x(day):.1f} {HIGH - 16} l4 7 h-8 z" fill="var(--alarm)"><title>'
                f"{escape(one['reason'])}</title></path>"
            )
    parts.append(
        f'<text x="{LEFT}" y="{HIGH - 2}">{first}</text>'
        f'<text x="{WIDE - 8}" y="{HIGH - 2}" text-anchor="end">{last}</text>'
    )
    newest = rows[-1]
    words = (
        f"{sum(row['posts'] for row in rows):,} posts; on {newest['day']} the index is "
        f"{newest['index']['value']:+.2f} [{newest['index']['low']:+.2f}, {newest['index']['high']:+.2f}]"
    )
    return (
        f"<h2>{escape(name)}</h2><small>{words}</small>"
        f'<svg viewBox="0 0 {WIDE} {HIGH}" role="img" aria-label="{escape(f"index of {name}: {words}")}">'
        f"{''.join(parts)}</svg>"
    )
