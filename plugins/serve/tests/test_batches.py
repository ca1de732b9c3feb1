"""Many clients at once: whose answer is whose, who waits for whom, and what is given up."""

from __future__ import annotations

import gc
import threading
import weakref
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ft_serve.models import Model, Models


@pytest.fixture
def pool() -> Any:
    with ThreadPoolExecutor(64) as pool:
        yield pool


def test_answers_of_64_clients_never_mix(served: Any, fake: Any, pool: Any) -> None:
    model = fake()
    client = served({"first": model})

    def ask(number: int) -> None:
        for turn in range(6):
            items: list[Any] = [f"{number} {turn} {k}" for k in range(1 + number % 4)]
            wrong = (number + turn) % 3 == 0
            found = client.predict(*items, *([{"text": 1}, "raise"] if wrong else []))
            assert [one["text"] for one in found["answers"] if one] == items
            assert [one["item"] for one in found["errors"]] == (
                [len(items), len(items) + 1] if wrong else []
            )

    assert [one.result() for one in [pool.submit(ask, n) for n in range(64)]] == [None] * 64
    assert max(map(len, model.batches)) > 4  # of several clients


def held(client: Any, model: Any, pool: Any) -> Future[Any]:
    """A request whose batch does not end before the model is opened."""
    model.open.clear()
    busy: Future[Any] = pool.submit(client.predict, "busy")
    client.wait_for(lambda: ["busy"] in model.batches)
    return busy


def test_who_comes_first_is_served_first(served: Any, fake: Any, pool: Any) -> None:
    model = fake()
    client = served({"first": model}, max_batch_tokens=5)
    waiting = [held(client, model, pool)]
    for n in range(6):
        waiting.append(pool.submit(client.predict, f"a{n}", f"b{n}"))
        client.wait_for(lambda n=n: client.server.batcher.waiting == 2 * n + 2)
    model.open.set()
    for one in waiting:
        one.result()
    wanted = [text for n in range(6) for text in (f"a{n}", f"b{n}")]
    assert [text for batch in model.batches[1:] for text in batch] == wanted
    assert len(model.batches) > 2


def test_a_batch_holds_as_many_tokens_as_it_may(served: Any, fake: Any, pool: Any) -> None:
    model = fake()
    client = served({"first": model}, max_batch_tokens=100)
    for _ in range(40):
        client.predict("a b c d e f")  # 8 tokens of 11 characters, which the batcher learns
    busy = held(client, model, pool)
    found = pool.submit(client.predict, *["a b c d e f"] * 50)
    client.wait_for(lambda: client.server.batcher.waiting == 50)
    model.open.set()
    assert len(found.result()["answers"]) == 50
    busy.result()
    sizes = [8 * len(batch) for batch in model.batches[41:]]
    assert max(sizes) <= 112
    assert min(sizes[:-1]) >= 80


def test_models_take_turns_by_who_waits_longest(served: Any, fake: Any, pool: Any) -> None:
    one, other = fake("one"), fake("other")
    client = served({"one": one, "other": other})
    busy = held(client, one, pool)
    order: list[str] = []
    for model in (one, other):
        model.answer = lambda items, m=model: order.append(m.name) or type(m).answer(m, items)
    later = []
    for n, name in enumerate(("other", "one", "other")):
        later.append(pool.submit(client.predict, str(n), path=f"/models/{name}/predict"))
        client.wait_for(lambda n=n: client.server.batcher.waiting == n + 1)
    one.open.set()
    assert [found.result()["answers"][0]["by"] for found in later] == ["other", "one", "other"]
    assert order == ["other", "one"]
    busy.result()


def test_a_full_queue_is_said_at_once(served: Any, fake: Any, pool: Any) -> None:
    model = fake()
    client = served({"first": model}, max_queue=3)
    busy = held(client, model, pool)
    waiting = pool.submit(client.predict, "a", "b")
    client.wait_for(lambda: client.server.batcher.waiting == 2)
    status, value, headers = client.ask("/predict", {"inputs": ["c", "d"]})
    assert (status, value["error"]["code"]) == (429, "queue_full")
    assert headers["retry-after"] == "1"
    assert client.ask("/health")[0] == 200
    model.open.set()
    assert [one["text"] for one in waiting.result()["answers"]] == ["a", "b"]
    busy.result()


def test_what_is_too_late_is_said_so_and_not_computed(served: Any, fake: Any, pool: Any) -> None:
    model = fake()
    client = served({"first": model}, timeout=1.5)
    model.open.clear()
    busy = pool.submit(client.code, "/predict", {"inputs": ["busy"]})
    client.wait_for(lambda: bool(model.batches))
    assert client.code("/predict", {"inputs": ["late"]}) == (504, "timeout")
    assert busy.result() == (504, "timeout")
    model.open.set()
    assert client.predict("next")["answers"][0]["text"] == "next"
    assert [text for batch in model.batches for text in batch] == ["busy", "next"]
    assert client.metric('ft_items_total{model="first",outcome="timeout"}') == 2


def test_what_a_client_asked_that_is_gone_is_not_computed(
    served: Any, fake: Any, pool: Any
) -> None:
    model = fake()
    client = served({"first": model})
    busy = held(client, model, pool)
    body = b'{"inputs": ["gone"]}'
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with client.connect() as connection:
        connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        client.wait_for(lambda: client.server.batcher.waiting == 1)
    client.wait_for(lambda: client.metric("ft_items_total") == 1)
    model.open.set()
    busy.result()
    assert client.predict("next")["answers"][0]["text"] == "next"
    assert ["gone"] not in model.batches
    assert client.metric('ft_items_total{model="first",outcome="abandoned"}') == 1


class Changing:
    """A folder whose model is another each time."""

    def __init__(self, fake: Any) -> None:
        self.fake = fake
        self.number = 0
        self.made: list[weakref.ref[Any]] = []

    def models(self) -> Models:
        models = Models({"first": Path("first")}, self.load, lambda folder: str(self.number))
        models.reload()
        return models

    def load(self, name: str, folder: Path) -> Model:
        if self.number < 0:
            raise RuntimeError("the run is broken")
        one = self.fake(str(self.number))
        self.made.append(weakref.ref(one))
        return Model(name, one, one.name, "run", one.request_schema(), {}, ())


def test_a_reload_loses_no_request_and_answers_each_by_one_model(
    served: Any, fake: Any, pool: Any
) -> None:
    changing = Changing(fake)
    client = served({}, changing.models())
    done = threading.Event()
    seen: set[str] = set()

    def ask(number: int) -> int:
        count = 0
        while not done.is_set() or count < 3:
            found = client.predict(*[f"{number} {count} {k}" for k in range(5)])
            assert {one["by"] for one in found["answers"]} == {found["model"]["hash"]}
            seen.add(found["model"]["hash"])
            count += 1
        return count

    asking = [pool.submit(ask, number) for number in range(16)]
    for number in range(1, 6):
        changing.number = number
        before = client.metric("ft_items_total")
        client.wait_for(lambda before=before: client.metric("ft_items_total") > before + 80)
        assert client.ask("/reload", {})[1] == {"reloaded": {"first": True}}
        assert client.predict("a")["model"]["hash"] == str(number)
    assert client.ask("/reload", {})[1] == {"reloaded": {"first": False}}
    done.set()
    assert all(one.result() for one in asking)
    assert seen >= {"1", "2", "3", "4"}
    client.predict("a")
    gc.collect()
    assert [ref() is not None for ref in changing.made] == [False] * 5 + [True]


def test_a_run_that_cannot_be_loaded_leaves_the_model_as_it_was(served: Any, fake: Any) -> None:
    changing = Changing(fake)
    client = served({}, changing.models())
    changing.number = -1
    assert client.code("/reload", {}) == (409, "reload_failed")
    assert client.predict("a")["model"]["hash"] == "0"
    changing.number = 1
    assert client.ask("/reload", {})[0] == 200
    assert client.predict("a")["model"]["hash"] == "1"


def test_alive_is_not_ready(served: Any, fake: Any) -> None:
    models = Models({"first": Path("first")}, Changing(fake).load, lambda folder: "0")
    client = served({}, models)
    assert client.ask("/health")[0] == 200
    assert client.code("/ready", None) == (503, "loading")
    assert client.code("/predict", {"inputs": ["a"]}) == (503, "loading")
    models.reload()
    assert client.ask("/ready")[0] == 200
    client.server.ending = True
    assert client.ask("/health")[0] == 200
    assert client.code("/ready", None) == (503, "ending")
    assert client.predict("a")["answers"]
