"""Registration, the refusals of the contract, and composition."""

from __future__ import annotations

from typing import Any

import pytest

from ft import Config, Plugin, PluginError, hookimpl
from ft.builtin.standard.plugin import Standard
from ft.hooks.chain import Member
from ft.hooks.hooks import Hooks


class Base(Standard):
    """Provides every chain hook of interest, as the core does."""

    @hookimpl
    def load_data(self, run: Any) -> Any:
        return run

    @hookimpl
    def encode(self, run: Any, examples: Any, training: bool) -> Any:
        return examples

    @hookimpl
    def build_head(self, run: Any, data: Any) -> Any:
        return data

    @hookimpl
    def compute_loss(self, run: Any, model: Any, batch: Any) -> Any:
        return [f"core({batch})"]

    @hookimpl
    def decode(self, run: Any, outputs: Any, examples: Any) -> Any:
        return outputs

    @hookimpl
    def evaluate(self, run: Any, predictions: Any) -> Any:
        return predictions

    @hookimpl
    def read_request(self, request: Any) -> Any:
        return request


def hooks(*plugins: Plugin, core: Plugin | None = None) -> Hooks:
    members = []
    for plugin in plugins:
        name = type(plugin).__name__.lower()
        plugin.seed(name, 0)
        members.append(Member(name, plugin, f"ft-{name}", "1.2"))
    base = core or Base()
    base.seed("core", 0)
    return Hooks(members, [Member("core", base, None, None)])


class Twice(Plugin):
    @hookimpl
    def compute_loss(self, inner: Any, run: Any, model: Any, batch: Any) -> Any:
        return [*inner(run, model, batch), *inner(run=run, model=model, batch=batch + "'")]

    def forwards(self, inner: int) -> int:
        return 2 * inner


class Plus(Plugin):
    @hookimpl
    def compute_loss(self, batch: Any, inner: Any) -> Any:
        return [*inner(None, None, batch), "plus"]


class Skip(Plugin):
    @hookimpl
    def compute_loss(self, inner: Any) -> Any:
        return ["skipped"]


def test_techniques_nest_in_the_order_of_the_names() -> None:
    assert hooks(Twice(), Plus()).call("compute_loss", None, None, "b") == [
        "core(b)",
        "core(b')",
        "plus",
    ]
    assert hooks(Plus(), Twice()).call("compute_loss", None, None, "b") == [
        "core(b)",
        "plus",
        "core(b')",
        "plus",
    ]


def test_a_technique_may_skip_what_it_wraps() -> None:
    assert hooks(Skip()).call("compute_loss", None, None, "b") == ["skipped"]


def test_the_chain_is_described_and_its_forward_passes_counted() -> None:
    made = hooks(Twice(), Plus())
    assert made.describe("compute_loss") == "plus( twice( core ) )"
    assert made.forwards() == 2
    task = Base()
    task.forwards = lambda inner: 3 * inner  # type: ignore[method-assign]
    assert hooks(Twice(), Plus(), core=task).forwards() == 6
    assert hooks(Twice(), Plus()).wrapped("compute_loss")
    assert not hooks(Twice()).wrapped("encode")


def test_evaluation_can_call_the_provider_alone() -> None:
    assert hooks(Twice()).provide("compute_loss", None, None, "b") == ["core(b)"]


class Task(Plugin):
    @hookimpl
    def compute_loss(self, batch: Any) -> Any:
        return ["task"]


class Rival(Plugin):
    @hookimpl
    def compute_loss(self, batch: Any) -> Any:
        return ["rival"]


def test_a_named_provider_replaces_the_cores() -> None:
    assert hooks(Task()).call("compute_loss", None, None, "b") == ["task"]


def test_two_providers_are_refused_by_name() -> None:
    with pytest.raises(PluginError) as caught:
        hooks(Task(), Rival())
    message = str(caught.value)
    assert (
        "compute_loss has 2 providers: 'task' (ft-task 1.2) and 'rival' (ft-rival 1.2)" in message
    )
    assert "keep one" in message


def test_no_provider_is_refused_with_what_to_do() -> None:
    class Bare(Plugin):
        pass

    with pytest.raises(PluginError, match=r"no plugin provides load_data.*named: skip"):
        hooks(Skip(), core=Bare())


def misspelt() -> Plugin:
    class Broken(Plugin):
        @hookimpl
        def compute_los(self, batch: Any) -> None: ...

    return Broken()


def keyword_only() -> Plugin:
    class Broken(Plugin):
        @hookimpl
        def compute_loss(self, inner: Any, *, batch: Any) -> None: ...

    return Broken()


def defaulted() -> Plugin:
    class Broken(Plugin):
        @hookimpl
        def compute_loss(self, inner: Any, batch: Any = None) -> None: ...

    return Broken()


def variadic() -> Plugin:
    class Broken(Plugin):
        @hookimpl
        def compute_loss(self, *args: Any) -> None: ...

    return Broken()


def stranger() -> Plugin:
    class Broken(Plugin):
        @hookimpl
        def compute_loss(self, inner: Any, optimizer: Any) -> None: ...

    return Broken()


def first() -> Plugin:
    class Broken(Plugin):
        @hookimpl(tryfirst=True)
        def compute_loss(self, inner: Any) -> None: ...

    return Broken()


def last() -> Plugin:
    class Broken(Plugin):
        @hookimpl(trylast=True)
        def encode(self, inner: Any) -> None: ...

    return Broken()


def wrapper() -> Plugin:
    class Broken(Plugin):
        @hookimpl(wrapper=True)
        def compute_loss(self, batch: Any) -> Any:
            return (yield)

    return Broken()


def inner_of_an_event() -> Plugin:
    class Broken(Plugin):
        @hookimpl
        def on_run_end(self, inner: Any) -> None: ...

    return Broken()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (misspelt, "did you mean 'compute_loss'"),
        (misspelt, "newer ft"),
        (keyword_only, "plain positional arguments"),
        (defaulted, "gives the argument 'batch' a default"),
        (variadic, "plain positional arguments"),
        (stranger, "asks for the argument 'optimizer'"),
        (first, "marked tryfirst"),
        (last, "marked trylast"),
        (wrapper, "take the argument 'inner'"),
        (inner_of_an_event, "asks for the argument 'inner'"),
    ],
)
def test_a_broken_implementation_is_refused_naming_the_plugin(make: Any, says: str) -> None:
    with pytest.raises(PluginError) as caught:
        hooks(make())
    assert says in str(caught.value)
    assert "plugin 'broken' (ft-broken 1.2)" in str(caught.value)


def test_several_faults_are_reported_at_once() -> None:
    from ft.contract.errors import Problems

    with pytest.raises(Problems) as caught:
        hooks(misspelt(), type("Other", (type(defaulted()),), {})())
    assert "compute_los" in str(caught.value)
    assert "default" in str(caught.value)


def test_an_exception_names_plugin_hook_and_place_once() -> None:
    class Bad(Plugin):
        @hookimpl
        def compute_loss(self, batch: Any) -> None:
            raise KeyError("gone")

    plugin, base = Bad(), Base()
    plugin.seed("bad", 0)
    base.seed("core", 0)
    outer = Plus()
    outer.seed("plus", 0)
    made = Hooks(
        [Member("bad", plugin, "ft-bad", "3"), Member("plus", outer, None, None)],
        [Member("core", base, None, None)],
        lambda: "epoch 2, step 31",
    )
    with pytest.raises(KeyError) as caught:
        made.call("compute_loss", None, None, "b")
    assert caught.value.__notes__ == [
        "raised by plugin 'bad' (ft-bad 3) in compute_loss (epoch 2, step 31)"
    ]


def test_the_wrong_number_of_arguments_to_inner_is_explained() -> None:
    class Bad(Plugin):
        @hookimpl
        def compute_loss(self, inner: Any, batch: Any) -> Any:
            return inner(batch)

    with pytest.raises(TypeError, match=r"compute_loss takes the arguments \(run, model, batch\)"):
        hooks(Bad()).call("compute_loss", None, None, "b")


def test_a_technique_that_needs_a_freed_graph_is_refused_in_one_order_only() -> None:
    class Early(Twice):
        early_backward = True

    class Needs(Plus):
        needs_graph = True

    hooks(Needs(), Early())
    with pytest.raises(PluginError) as caught:
        hooks(Early(), Needs())
    assert "name 'needs' before 'early'" in str(caught.value)


def test_events_reach_everybody_in_order() -> None:
    heard = []

    class One(Plugin):
        @hookimpl
        def on_run_end(self) -> None:
            heard.append("one")

    class Two(Plugin):
        @hookimpl
        def on_run_end(self, run: Any) -> None:
            heard.append(run)

    hooks(One(), Two()).tell("on_run_end", run="r")
    assert heard == ["one", "r"]


def test_costs_are_counted_without_what_is_wrapped() -> None:
    made = hooks(Twice())
    made.call("compute_loss", None, None, "b")
    calls = {(c["plugin"], c["hook"]): c["calls"] for c in made.ledger.summary()}
    assert calls == {("twice", "compute_loss"): 1, ("core", "compute_loss"): 2}


def test_random_numbers_of_a_plugin_depend_on_its_name_and_the_seed_alone() -> None:
    one, again, other = Plugin(Config()), Plugin(Config()), Plugin(Config())
    one.seed("a", 1)
    again.seed("a", 1)
    other.seed("b", 1)
    assert one.rng.random() == again.rng.random() != other.rng.random()
    assert one.rng_at(1, 2).random() == again.rng_at(1, 2).random() != one.rng_at(1, 3).random()
