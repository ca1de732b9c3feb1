"""Hours, alarms and index: what is found, what is not, and that nothing hangs on how the posts came."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ft import ConfigError, DataError, UserError
from ft_monitor.watch import Watch

Watches = Callable[..., Watch]
Posts = Callable[..., list[dict[str, Any]]]
NOON = 24 * 30 + 12
Rows = list[dict[str, Any]]


def alarms(found: Watch) -> list[dict[str, Any]]:
    return [one for one in found.results()[0] if one["event"] == "alarm"]


def test_a_surge_is_found_with_its_reason_and_nothing_else(plain: Watch) -> None:
    told = alarms(plain)
    assert {one["series"] for one in told} <= {"topic price", "all"}
    first = next(one for one in told if one["series"] == "topic price")
    hour = int(first["id"].partition("@")[2])
    begin = 19723 * 24 + NOON  # 2024-01-01 is the day 19,723 after 1970-01-01
    assert begin <= hour < begin + 6
    assert first["share"] > first["usual"] + 0.2
    assert "price" in first["reason"]
    assert "are negative" in first["reason"]
    assert len(first["examples"]) == 5
    assert all("negative" in one["text"] for one in first["examples"])
    ends = [one for one in plain.results()[0] if one["event"] == "end"]
    assert {one["id"] for one in ends} >= {first["id"]}


def test_more_posts_of_the_usual_kind_are_no_news(posts: Posts, watch: Watches) -> None:
    many = posts(38)
    # A Monday of many posts, on the Wednesday four weeks later.
    busy = posts(1, seed=7, per_hour=40)
    day = [{**one, "time": one["time"].replace("2024-01-01", "2024-01-31")} for one in busy]
    found = watch(sorted([*many, *day], key=lambda one: one["time"]))
    assert alarms(found) == []


def test_late_repeated_and_wrong_posts_are_told_and_change_nothing(
    surged: Rows, plain: Watch, watch: Watches
) -> None:
    own = surged
    rng = random.Random(1)
    worse = [*own]
    for k in rng.sample(range(2000, len(own)), 40):
        worse.insert(k, own[k - 20])  # a repost a few hours later at most
    late = {**own[10], "text": "price negative late"}
    worse.insert(3000, late)
    worse.insert(3500, {"text": "price negative 1"})
    worse.insert(3501, {"time": "2999-01-01", "text": "price negative 1"})
    worse.insert(3502, {"time": "yesterday", "text": "price negative 1"})
    found = watch(worse)
    assert found.results() == plain.results()
    said = " / ".join(found.summary())
    assert "40 repeat another" in said
    assert "1 came more than --late behind" in said
    assert "3 cannot be read" in said
    assert "has no 'time'" in said


def test_the_order_within_the_allowance_does_not_matter(surged: Rows, watch: Watches) -> None:
    own = surged
    rng = random.Random(2)
    mixed = [own[i : i + 6] for i in range(0, len(own), 6)]
    for part in mixed:
        rng.shuffle(part)
    found = watch([one for part in mixed for one in part], late=6 * 3600)
    assert found.results() == watch(own, late=6 * 3600).results()
    assert found.hours.told["late"] == 0


def test_a_look_back_does_not_look_ahead(surged: Rows, plain: Watch, watch: Watches) -> None:
    own, whole = surged, plain
    cut = next(k for k, one in enumerate(own) if one["time"] > "2024-02-04")
    part = watch(own[:cut])
    told = part.results()[0]
    assert told
    assert told == whole.results()[0][: len(told)]


def test_silenced_and_rare_series(surged: Rows, watch: Watches) -> None:
    told: Rows = []
    found = watch(surged, tell=told.append, silence=("topic price",))
    assert any(one["silenced"] for one in alarms(found))
    assert not any(one["series"] == "topic price" for one in told if one["event"] == "alarm")
    few = watch(surged, most_series=1)
    assert "not watched" in " ".join(few.summary())
    assert {row["series"] for row in few.results()[1]} == {"all", "topic price"} or {
        row["series"] for row in few.results()[1]
    } == {"all", "topic service"}


def test_another_model_is_no_news(posts: Posts, watch: Watches, reads: Any, tmp_path: Path) -> None:
    own = posts(60)
    half = len(own) // 2
    file = tmp_path / "growing.jsonl"
    import json

    def grow(part: list[dict[str, Any]]) -> None:
        with file.open("a") as stream:
            stream.write("".join(json.dumps(one) + "\n" for one in part))

    grow(own[:half])
    watch(file, tmp_path / "out", reads("one", wrong=0.05))
    grow(own[half:])
    found = watch(file, tmp_path / "out", reads("two", wrong=0.3))
    events, index = found.results()
    assert [one["event"] for one in events] == ["model"]
    assert {row["model"] for row in index} == {"one", "two"}
    # The index is of the truth: it does not move with the model's mistakes.
    means = [
        sum(row["negative"]["value"] for row in part) / len(part)
        for version in ("one", "two")
        if (part := [r for r in index if r["model"] == version and r["series"] == "all"])
    ]
    assert means[0] == pytest.approx(means[1], abs=0.04)


def test_a_state_is_not_taken_for_another_monitor(
    posts: Posts, watch: Watches, tmp_path: Path
) -> None:
    file = tmp_path / "feed.jsonl"
    watch(posts(3), tmp_path / "out")
    with pytest.raises(ConfigError, match="other settings: false_alarms"):
        watch(file, tmp_path / "out", false_alarms=9)
    file.write_text("")
    with pytest.raises(UserError, match="shorter than"):
        watch(file, tmp_path / "out")
    (tmp_path / "out" / "state.json").write_text("{")
    with pytest.raises(UserError, match="not as ft wrote it"):
        watch(file, tmp_path / "out")


def test_what_is_late_does_not_hang_on_what_is_read_together(
    surged: Rows, watch: Watches, tmp_path: Path
) -> None:
    rng = random.Random(4)
    own = [dict(one, id=k) for k, one in enumerate(surged)]
    for k in rng.sample(range(300, len(own) - 40), 200):  # up to some hours behind, or ahead
        own.insert(k + rng.randint(1, 40), own.pop(k))
    whole = watch(own, tmp_path / "whole")
    assert whole.hours.told["late"] > 20
    file = tmp_path / "parts.jsonl"
    at = 0
    while at < len(own):
        size = rng.randint(1, 400)
        with file.open("a") as stream:
            stream.write("".join(json.dumps(one) + "\n" for one in own[at : at + size]))
        at += size
        parts = watch(file, tmp_path / "parts")
    assert parts.results() == whole.results()
    assert parts.hours.told == whole.hours.told


def test_one_wrong_date_does_not_end_the_watch(surged: Rows, plain: Watch, watch: Watches) -> None:
    own = [*surged]
    own.insert(700, {**own[700], "time": "2024-09-01", "text": "price negative far"})
    found = watch(own)
    assert found.results() == plain.results()
    assert "1 are dated more than a day ahead" in " ".join(found.summary())
    # A feed that goes on after a long silence is believed, and none of its posts are lost.
    gap = [{**one, "time": one["time"].replace("2024-", "2025-")} for one in surged[:50]]
    after = watch([*surged, *gap])
    assert after.hours.told["ahead"] == 0
    assert after.hours.series["all"] == plain.hours.series["all"] + 50


def test_a_feed_of_which_nothing_can_be_read_is_refused_and_leaves_no_state(
    posts: Posts, watch: Watches, tmp_path: Path
) -> None:
    file = tmp_path / "feed.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in posts(3)))
    with pytest.raises(DataError, match=r"none of its .* lines is a post; post 1: has no 'when'"):
        watch(file, tmp_path / "out", time_key="when")
    assert watch(file, tmp_path / "out").hours.series["all"] > 0
