"""Tiny random models of the real classes, with the real tokenizer pipelines trained on the spot, and
what ft makes of them. ``python tests/architectures/trial.py`` writes the table of
``docs/reference/models.md``; names of models behind it write their rows alone.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import load_file
from transformers import AutoModel, AutoModelForTokenClassification, AutoTokenizer, pipeline

import ft
from ft.data.tags.marks import weight

HERE = Path(__file__).resolve()
PAGE = HERE.parents[2] / "docs" / "reference" / "models.md"
BEGIN, END = "<!-- tried -->\n", "<!-- end "
HEAD = (
    '| model | `ner,augment` | `sentiment,adversarial` | `freeze = "embeddings"` leaves | resumed |'
)
SAME, CLOSE = 0.99, 1e-3


def _families() -> Any:
    spec = importlib.util.spec_from_file_location("ft_families", HERE.parents[1] / "families.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FAMILIES = _families()
ROWS = FAMILIES.examples(40)
TEXTS = [row["text"] for row in ROWS]
SHAPE = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 140,
}
DECODER = {**SHAPE, "num_key_value_heads": 2}
DEBERTA = {
    "relative_attention": True,
    "pos_att_type": ["p2c", "c2p"],
    "norm_rel_ebd": "layer_norm",
    "share_att_key": True,
    "position_buckets": 8,
    "position_biased_input": False,
    "type_vocab_size": 0,
}
SIDES = {
    f"{side}_{name}": value
    for side in ("encoder", "decoder")
    for name, value in (("layers", 2), ("attention_heads", 2), ("ffn_dim", 32))
}
SMALL = {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32, "max_position_embeddings": 140}
MODELS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "BERT": ("Bert", "Bert", SHAPE),
    "RoBERTa": ("Roberta", "Roberta", SHAPE),
    "XLM-R": ("XLMRoberta", "XLMRoberta", SHAPE),
    "DeBERTa-v3": ("DebertaV2", "DebertaV2", {**SHAPE, **DEBERTA}),
    "ALBERT": ("Albert", "Albert", {**SHAPE, "embedding_size": 8}),
    "ELECTRA": ("Electra", "Electra", {**SHAPE, "embedding_size": 32}),
    "MPNet": ("MPNet", "MPNet", SHAPE),
    "DistilBERT": ("DistilBert", "DistilBert", SMALL),
    "ModernBERT": ("ModernBert", "ModernBERT", {**SHAPE, "local_attention": 8}),
    "EuroBERT": ("EuroBert", "EuroBERT", DECODER),
    "Longformer": ("Longformer", "Roberta", {**SHAPE, "attention_window": [8, 8]}),
    "XLNet": ("XLNet", "XLNet", {"d_model": 16, "n_layer": 2, "n_head": 2, "d_inner": 32}),
    "CamemBERT": ("Camembert", "Camembert", SHAPE),
    "Qwen": ("Qwen2", "Qwen2", DECODER),
    "Llama": ("Llama", "Llama", DECODER),
    "Llama 3": ("Llama", "Llama 3", DECODER),
    "GPT-2": ("GPT2", "GPT2", {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 140}),
    "T5": ("T5", "T5", {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2}),
    "BART": ("Bart", "Roberta", {"d_model": 16, "max_position_embeddings": 140, **SIDES}),
}
"""The configuration's class, the tokenizer's family, and a small shape."""


def make_model(name: str, folder: Path) -> Path:
    """A random model and its tokenizer in a folder."""
    kind, family, shape = MODELS[name]
    tokenizer = FAMILIES.make_tokenizer(family)
    tokenizer.model_max_length = 128
    special = {
        f"{role}_token_id": getattr(tokenizer, f"{role}_token_id")
        for role in ("pad", "bos", "eos", "cls", "sep", "mask")
        if getattr(tokenizer, f"{role}_token_id") is not None
    }
    if kind == "T5":
        special["decoder_start_token_id"] = tokenizer.pad_token_id
    # Weights large enough that a few steps learn something from embeddings that are frozen.
    special |= {"vocab_size": max(tokenizer.get_vocab().values()) + 1, "initializer_range": 0.1}
    config = getattr(transformers, f"{kind}Config")(**{**special, **shape})
    torch.manual_seed(1)
    AutoModel.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def write_data(folder: Path) -> dict[str, str]:
    """The sentences with their spans, and the same with labels."""
    texts = [{"text": text, "label": "ab"[i % 2]} for i, text in enumerate(TEXTS)]
    files = {}
    for name, rows in (("ner", ROWS), ("sentiment", texts)):
        path = folder / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        files[name] = str(path)
    return files


STOP = '''
import ft


class Stop(ft.Plugin):
    """Fails once, in step 12 of a run whose folder is called so."""

    @ft.hookimpl
    def on_step(self, run, step):
        if step == 12 and run.output.name == "stopped" and not (run.output / "failed").exists():
            (run.output / "failed").touch()
            raise RuntimeError("stopped")
'''


def start(task: str, model: Path, data: dict[str, str], output: Path) -> Path:
    """A short run, exact to the last bit; that of words stops in a folder called ``stopped``."""
    values: dict[str, Any] = {
        task: {"train": data[task], "validation": data[task]},
        "epochs": 1,
        "batch_size": 10,
        "learning_rate": 1e-2,
        "precision": "fp32",
        "device": "cpu",
        "report": False,
        "advice": False,
        "lint": "off",
    }
    if task == "sentiment":
        return ft.run(
            ["sentiment", "adversarial"], model=str(model), output=output, **values
        ).output
    stop = output.parent / "stop.py"
    stop.write_text(STOP, encoding="utf-8")
    values["ner"]["decoding"] = "argmax"  # as transformers decodes
    values |= {"learning_rate": 1e-2, "epochs": 12, "checkpoint_steps": 10, "freeze": "embeddings"}
    plugins = ["ner", "augment", str(stop)]
    return ft.run(plugins, model=str(model), output=output, **values).output


def words_as_transformers(run: Path) -> float:
    """The share of words whose tag and score are those of the piece of transformers' pipeline that
    begins them: the first one that holds their first character, or the blank before it.

    A mark that shares its piece with the word that the piece is read for has no answer of its own in
    the pipeline, and is left out.
    """
    pipe: Any = pipeline(
        "token-classification",
        str(run / "model"),
        ignore_labels=[],
        device="cpu",
        dtype=torch.float32,
    )
    same = total = 0
    for text, answer in zip(TEXTS, ft.predict(run, TEXTS), strict=True):
        spans = answer["offsets"]
        pieces: list[Any] = [None] * (len(text) + 1)
        for piece in pipe(text):
            begin, end = piece["start"], piece["end"]
            blank = not text[begin:end].strip()
            for at in range(begin, end + blank):
                pieces[at] = pieces[at] or piece
        best: dict[int, int] = {}
        for i, (begin, end) in enumerate(spans):
            piece = id(pieces[begin])
            other = best.setdefault(piece, i)
            if weight(text[begin:end]) > weight(text[slice(*spans[other])]):
                best[piece] = i
        for i in best.values():
            theirs = pieces[spans[i][0]]
            total += 1
            same += (
                theirs is not None
                and theirs["entity"] == answer["tags"][i]
                and abs(float(theirs["score"]) - answer["scores"][i]) < CLOSE
            )
    return same / total


def labels_as_transformers(run: Path) -> float:
    """The share of texts whose label and score are those of transformers' pipeline."""
    pipe: Any = pipeline(
        "text-classification", str(run / "model"), device="cpu", dtype=torch.float32
    )
    same = 0
    for text, answer in zip(TEXTS, ft.predict(run, TEXTS), strict=True):
        (theirs,) = pipe([text])
        same += (
            theirs["label"] == answer["label"]
            and abs(theirs["score"] - answer["scores"][answer["label"]]) < CLOSE
        )
    return same / len(TEXTS)


def check_entities(run: Path) -> None:
    """The entities that evaluation counted are those of the same texts, character for character."""
    lines = (run / "predictions" / "validation.jsonl").read_text(encoding="utf-8").splitlines()
    predicted = ft.predict(run, TEXTS)
    for text, line, answer in zip(TEXTS, lines, predicted, strict=True):
        counted = json.loads(line)
        places = answer["offsets"]
        assert counted["tags"] == answer["tags"], text
        assert [
            (one["type"], places[one["first"]][0], places[one["last"]][1])
            for one in counted["entities"]
        ] == [(one["type"], one["start"], one["end"]) for one in answer["entities"]], text
    assert any(answer["entities"] for answer in predicted), "there is nothing to compare"


def frozen(run: Path, model: Path) -> list[str]:
    """The weights that passes use and training left as they were.

    As many parameters as the run says that it froze, and at most those that no pass uses beside
    them, such as XLNet's embedding of a mask.
    """
    notes = json.loads((run / "record.json").read_text(encoding="utf-8"))["notes"]
    said = re.search(r"([\d,]+) of [\d,]+ parameters do not learn", "\n".join(notes))
    assert said, notes
    trained = AutoModelForTokenClassification.from_pretrained(run / "model")
    tokenizer = AutoTokenizer.from_pretrained(run / "model")
    trained(**tokenizer(TEXTS[0], return_tensors="pt")).logits.sum().backward()
    before = load_file(model / "model.safetensors")
    kept: dict[str, int] = {}
    unused = 0
    for key, parameter in trained.named_parameters():
        for name, value in before.items():
            if f".{key}".endswith(f".{name}") and torch.equal(value, parameter):
                if parameter.grad is None:
                    unused += parameter.numel()
                else:
                    kept[name] = parameter.numel()
    assert 0 <= int(said[1].replace(",", "")) - sum(kept.values()) <= unused, sorted(kept)
    return sorted(name.removesuffix(".weight") for name in kept if not name.endswith(".bias"))


def resumes(whole: Path, model: Path, data: dict[str, str], folder: Path) -> bool:
    """Whether a run that was stopped and went on leaves the weights of one that was not."""
    stopped = folder / "stopped"
    try:
        start("ner", model, data, stopped)
    except Exception as error:
        if "stopped" not in str(error):
            raise
    ft.run(resume=stopped)
    first, second = ((run / "model" / "model.safetensors").read_bytes() for run in (whole, stopped))
    return first == second


def agreement(share: float, what: str) -> str:
    """In words, how far answers are those of transformers."""
    return "as transformers" if share >= SAME else f"{share:.0%} of {what} as transformers"


Row = tuple[str, str, str, str, str]


def tried(name: str, folder: Path) -> Row:
    """The row of a model in the table."""
    model, data = make_model(name, folder / "model"), write_data(folder)
    words, resumed = "", ""
    kept: list[str] = []
    try:
        run = start("ner", model, data, folder / "ner")
        check_entities(run)
        words = agreement(words_as_transformers(run), "words")
        kept = frozen(run, model)
        resumed = "bit for bit" if resumes(run, model, data, folder) else "differs"
    except ft.UserError as error:
        words = f"refused: {error}".splitlines()[0].replace(f"{folder}/", "")
    run = start("sentiment", model, data, folder / "sentiment")
    texts = agreement(labels_as_transformers(run), "texts")
    return name, words, texts, ", ".join(f"`{one}`" for one in kept), resumed


def row_text(row: Row) -> str:
    """A line of the table."""
    return f"| {' | '.join(row)} |"


def committed() -> dict[str, str]:
    """The lines of the table in the page, by the model's name."""
    lines = [line for line in _table().splitlines() if line.startswith("| ")][1:]
    return {line.split(" | ")[0].removeprefix("| "): line for line in lines}


def _table() -> str:
    return PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]


def seal(table: str) -> str:
    """What stands below a table that was written here."""
    return hashlib.sha256(table.encode()).hexdigest()[:12]


def is_sealed() -> bool:
    """Whether the page has the table as it was written."""
    rest = PAGE.read_text(encoding="utf-8").partition(END)[2]
    return rest.partition(" -->")[0] == seal(_table())


def write_page(make: Callable[[str, Path], Row] = tried) -> None:
    """Write the rows of the models named on the command line, or of all, into the page's table."""
    rows = committed()
    for name in sys.argv[1:] or MODELS:
        with tempfile.TemporaryDirectory() as folder:
            rows[name] = row_text(make(name, Path(folder)))
        print(rows[name], flush=True)
        lines = [HEAD, "|---|---|---|---|---|", *(rows[name] for name in MODELS if name in rows)]
        table = "\n".join(["", *lines, "", ""])
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        after = rest.partition(END)[2].partition(" -->")[2]
        PAGE.write_text(f"{before}{BEGIN}{table}{END}{seal(table)} -->{after}", encoding="utf-8")


if __name__ == "__main__":
    write_page()
