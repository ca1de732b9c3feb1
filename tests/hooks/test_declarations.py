"""What plugins declare of each other and of the data, and how a clash is told."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ft
from ft import Label, Plugin, PluginError, Schema, Text, Words
from ft.cli.main import main
from ft.contract.errors import Problems
from ft.hooks.chain import Member
from ft.hooks.declarations import ROLES, company_faults, declared, schema_faults


def member(name: str, **declared: Any) -> Member:
    plugin = type(name.title(), (Plugin,), declared)()
    plugin.seed(name, 0)
    return Member(name, plugin, f"ft-{name}", "1.2")


def messages(*members: Member) -> list[str]:
    return [str(fault) for fault in company_faults(members)]


def test_plugins_that_declare_nothing_go_together() -> None:
    assert messages(member("a"), member("b")) == []


def test_a_plugin_that_is_needed_and_not_named() -> None:
    (message,) = messages(member("task"), member("crf", needs=("ner",)))
    assert "'crf' (ft-crf 1.2) needs the plugin 'ner', which is not named" in message
    assert message.startswith("--plugins:")
    assert "--plugins ...,ner,crf, or leave 'crf' out" in message
    (message,) = messages(member("crf", needs=("ner",), before=("ner",)))
    assert "--plugins ...,crf,ner" in message
    assert messages(member("ner"), member("crf", needs=("ner",))) == []


@pytest.mark.parametrize("declared", [{"a": {"before": ("b",)}}, {"b": {"after": ("a",)}}])
def test_order(declared: dict[str, Any]) -> None:
    a, b = (member(name, **declared.get(name, {})) for name in "ab")
    assert messages(a, b) == []
    (message,) = messages(b, a)
    assert "name 'a' before 'b'" in message
    assert "'a' (ft-a 1.2)" in message
    assert "'b' (ft-b 1.2)" in message
    asking = "a" if "a" in declared else "b"
    assert (
        f"'{asking}' (ft-{asking} 1.2) must be named {'before' if asking == 'a' else 'after'}"
        in message
    )


def test_order_is_nothing_to_a_plugin_that_is_not_named() -> None:
    assert messages(member("a", before=("b",), after=("c",), conflicts=("d",))) == []


def test_both_sides_declaring_the_same_order_is_one_fault() -> None:
    a, b = member("a", before=("b",)), member("b", after=("a",))
    assert len(messages(b, a)) == 1


def test_two_that_both_want_to_be_outside() -> None:
    a, b = member("a", after=("b",)), member("b", after=("a",))
    for pair in ((a, b), (b, a)):
        (message,) = messages(*pair)
        assert "each declare a place that the other cannot have" in message


@pytest.mark.parametrize("who", ["a", "b", "ab"])
def test_a_conflict_is_told_once_whoever_declares_it(who: str) -> None:
    a = member("a", conflicts=("b",) if "a" in who else ())
    b = member("b", conflicts=("a",) if "b" in who else ())
    for pair in permutations((a, b)):
        (message,) = messages(*pair)
        assert "cannot work with" in message
        assert "'a' (ft-a 1.2)" in message
        assert "'b' (ft-b 1.2)" in message
        assert "not both" in message


@pytest.mark.parametrize("value", ["ner", None, (1,), {"ner": 1}])
@pytest.mark.parametrize(
    "name", ["needs", "after", "before", "conflicts", "needs_schema", "families"]
)
def test_a_declaration_that_is_no_tuple_of_names(name: str, value: Any) -> None:
    (message,) = messages(member("a", **{name: value}))
    assert f"{name} is {value!r}, not a tuple of names" in message
    assert "plugin 'a' (ft-a 1.2)" in message


def test_a_role_that_no_schema_has() -> None:
    (message,) = messages(member("a", needs_schema=("word|texts",)))
    assert "did you mean 'words'?" in message


def test_a_family_of_models_that_there_is_not() -> None:
    assert not messages(member("a", families=("decoder", "encoder-decoder")))
    (message,) = messages(member("a", families=("encoder_decoder",)))
    assert "families names 'encoder_decoder', which is no family of models" in message
    assert "did you mean 'encoder-decoder'?" in message


SCHEMAS = st.builds(
    Schema,
    words=st.none() | st.builds(Words, tags=st.sampled_from([None, "tags"])),
    texts=st.lists(st.builds(Text, st.just("t"), st.booleans()), max_size=3).map(tuple),
    label=st.none() | st.builds(Label, kind=st.sampled_from(["single", "multi", "number"])),
    group=st.sampled_from([None, "user"]),
    numbers=st.sampled_from([(), ("n",)]),
    categories=st.sampled_from([(), ("c",)]),
)


@given(SCHEMAS, st.lists(st.sampled_from(sorted(ROLES)), min_size=1, max_size=3))
def test_one_of_several_roles_is_enough_and_each_need_counts(
    schema: Schema, asked: list[str]
) -> None:
    there = {role: bool(shows(schema)) for role, shows in ROLES.items()}
    either = schema_faults([member("a", needs_schema=("|".join(asked),))], schema)
    assert bool(either) != any(there[role] for role in asked)
    each = schema_faults([member("a", needs_schema=tuple(asked))], schema)
    assert len(each) == sum(not there[role] for role in asked)


def test_what_the_data_lacks_is_told_with_what_it_has() -> None:
    schema = Schema(texts=(Text("text", editable=False),), label=Label(kind="multi"))
    (fault,) = schema_faults([member("crf", needs_schema=("words|pair", "label"))], schema)
    message = str(fault)
    assert "'crf' (ft-crf 1.2) needs data with words or pair" in message
    assert "this data has texts, label, label:multi" in message
    assert "leave 'crf' out" in message


def write(folder: Path, name: str, body: str) -> str:
    path = folder / f"{name}.py"
    path.write_text(f"import ft\n\nclass {name.title()}(ft.Plugin):\n{body}")
    return str(path)


def test_a_clash_is_refused_before_the_data_is_read(go: Any, tmp_path: Path) -> None:
    task = write(
        tmp_path,
        "reader",
        "    @ft.hookimpl\n    def load_data(self, run):\n        raise RuntimeError('read')\n"
        "    @ft.hookimpl\n    def evaluate(self, run):\n        return None\n",
    )
    odd = write(tmp_path, "odd", "    conflicts = ('reader',)\n    after = ('late',)\n")
    late = write(tmp_path, "late", "    pass\n")
    with pytest.raises(Problems) as caught:
        go([task, odd, late])
    assert "'odd'" in str(caught.value)
    assert "cannot work with 'reader'" in str(caught.value)
    assert "name 'late' before 'odd'" in str(caught.value)
    assert not (tmp_path / "run1").exists()


def test_what_the_schema_must_have_is_refused_before_the_model_is_built(
    go: Any, tmp_path: Path
) -> None:
    fits = write(tmp_path, "fits", "    needs_schema = ('words', 'tags')\n")
    odd = write(
        tmp_path,
        "odd",
        "    needs_schema = ('texts',)\n    @ft.hookimpl\n"
        "    def build_head(self, inner, run, data):\n        raise RuntimeError('built')\n",
    )
    with pytest.raises(PluginError, match=r"'odd'.*needs data with texts.*has words, tags"):
        go(["words", fits, odd])
    with pytest.raises(RuntimeError, match="built"):
        go(["texts", odd])


def test_a_declaration_may_depend_on_the_settings(go: Any, tmp_path: Path) -> None:
    odd = write(
        tmp_path,
        "odd",
        "    class Config(ft.Config):\n        strong: bool = False\n"
        "    def __init__(self, config=None):\n        super().__init__(config)\n"
        "        self.conflicts = ('words',) if self.config.strong else ()\n",
    )
    with pytest.raises(
        ft.PluginError, match=r"with odd\.strong, cannot work with 'words'"
    ) as caught:
        go(["words", odd], odd={"strong": True})
    assert caught.value.hint == "leave out odd.strong, or name 'odd' or 'words', not both"
    assert go(["words", odd], max_steps=1).record["steps"] == 1


def test_a_message_about_the_data_names_the_settings_that_ask_for_it(
    go: Any, tmp_path: Path
) -> None:
    odd = write(
        tmp_path,
        "odd",
        "    class Config(ft.Config):\n        deep: int = 0\n        wide: int = 0\n"
        "        dull: int = 0\n"
        "    def __init__(self, config=None):\n        super().__init__(config)\n"
        "        asked = self.config.deep or self.config.wide\n"
        "        self.needs_schema = ('images',) if asked else ()\n",
    )
    with pytest.raises(
        ft.PluginError, match=r"with odd\.deep, odd\.wide, needs data with"
    ) as caught:
        go(["words", odd], odd={"deep": 1, "wide": 1, "dull": 1})
    assert str(caught.value.hint).startswith("leave odd.deep, odd.wide out, or name a task")


SHOWN = '''
import ft


class Late(ft.Plugin):
    """Comes last."""

    needs = ("ner",)
    after = ("augment", "ner")
    needs_schema = ("words|texts", "label")
    families = ("encoder", "decoder")

    class Config(ft.Config):
        graph: bool = True

    def __init__(self, config=None):
        super().__init__(config)
        self.needs_graph = self.config.graph

    @ft.hookimpl
    def compute_loss(self, inner, run, model, batch):
        return inner(run, model, batch)
'''


def test_what_a_plugin_declares_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "late.py").write_text(SHOWN)
    assert main(["plugins", "show", str(tmp_path / "late.py")]) == 0
    assert (
        "declares, with its default settings\n"
        "  needs the plugin ner\n"
        "  is named after augment and ner\n"
        "  needs data with words or texts and label\n"
        "  is made for models of the family encoder and decoder\n"
        "  needs the graph: is named before what calls `run.backward` early\n"
    ) in capsys.readouterr().out
    assert main(["plugins", "show", str(tmp_path / "late.py"), "--json"]) == 0
    declares = json.loads(capsys.readouterr().out)["declares"]
    assert declares["needs_schema"] == ["words|texts", "label"]
    assert declares["needs_graph"] is True
    assert declared(Plugin) == {}
