"""Draw the picture of the design page: `python docs/draw_run.py`.

Every hook of the contract stands beside the step of a run that calls it; a hook that is missing here is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ft.contract import hookspecs

PICTURE = Path(__file__).resolve().parent / "explanation" / "run.svg"

KINDS = {
    name: str(spec.ft_kind) for name, spec in vars(hookspecs).items() if hasattr(spec, "ft_kind")
}
"""Every hook, and whether it is a chain or an event."""

LINE, GAP, WIDEST = 20, 18, 24
"""Height of a line of text, room between two steps, characters in a line of hooks."""


class Step(NamedTuple):
    """A step of a run: what the core does, the hooks that it calls, whether each epoch repeats it."""

    says: Sequence[str]
    hooks: Sequence[str] = ()
    note: str = ""
    repeated: bool = False


STEPS = (
    Step(["resolve plugins and settings"], note="Config: types, defaults, help"),
    Step(["read and check the data"], ["load_data"]),
    Step(["seed, build the model"], ["build_head", "build_optimizer"]),
    Step(["encode, once or each epoch"], ["encode"]),
    Step(["try to save and load it"], ["save_model", "load_model"]),
    Step(["begin, or go on"], ["on_features", "on_run_start"]),
    Step(["begin the epoch"], ["order", "on_epoch_start"], repeated=True),
    Step(
        ["step: loss of each pass,", "one gradient, one update"],
        ["compute_loss", "loss_of", "divergence", "on_gradients", "on_step"],
        repeated=True,
    ),
    Step(
        ["predict and score validation,", "keep the best, checkpoint"],
        ["infer", "decode", "evaluate", "on_log", "on_epoch_end"],
        repeated=True,
    ),
    Step(["best model: score, save"], ["infer", "decode", "evaluate", "save_model"]),
    Step(["record, report, seal"], ["on_record", "on_run_end"]),
    Step(["later: ft predict"], ["load_model", "read_request", "encode", "infer", "decode"]),
)

HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 {height}" font-family="sans-serif" font-size="14" \
role="img" aria-labelledby="title">
  <title id="title">A run from top to bottom, with the hooks beside the step that calls them, and the nesting \
of compute_loss</title>
  <defs>
    <marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" \
orient="auto-start-reverse"><path d="M0 0 10 5 0 10z" fill="#444"/></marker>
    <style>
      .step {{ fill: #fff; stroke: #444; }}
      .chain, .event {{ font-family: monospace; font-weight: bold; }}
      .chain {{ fill: #303f9f; }}
      .event {{ fill: #00695c; }}
      .small {{ font-size: 12px; fill: #333; }}
      .line {{ stroke: #444; fill: none; marker-end: url(#arrow); }}
    </style>
  </defs>
  <rect width="900" height="{height}" rx="8" fill="#f7f7fa"/>
  <text x="30" y="34" font-weight="bold">What the core does, in order</text>
  <text x="300" y="34" font-weight="bold">What plugins are asked</text>
"""

NESTING = """\
  <text x="520" y="90" font-weight="bold">ft run --plugins ner,distill,adversarial</text>
  <text class="small" x="520" y="110">first named, nearest to the task</text>
  <rect x="520" y="126" width="360" height="250" rx="8" fill="#e8eaf6" stroke="#303f9f"/>
  <text x="536" y="150" fill="#303f9f">adversarial  (technique: it asks for inner)</text>
  <text class="small" x="536" y="362">calls inner twice: clean batch, perturbed batch</text>
  <rect x="544" y="164" width="312" height="176" rx="8" fill="#c5cae9" stroke="#303f9f"/>
  <text x="560" y="188" fill="#303f9f">distill  (technique)</text>
  <text class="small" x="560" y="326">calls inner once, adds a term</text>
  <rect x="568" y="202" width="264" height="104" rx="8" fill="#9fa8da" stroke="#303f9f"/>
  <text x="584" y="226" fill="#1a237e">ner, or the core for it  (provider)</text>
  <text class="small" x="584" y="252">model outputs, cross-entropy</text>
  <text class="small" x="584" y="270">over the words with a label,</text>
  <text class="small" x="584" y="288">a sum and its count</text>
  <text class="small" x="520" y="400">Every chain hook (blue) is nested like compute_loss here.</text>
  <text class="small" x="520" y="418">An event hook (green) tells every plugin.</text>
</svg>
"""


def picture() -> str:
    """The picture.

    Raises:
        SystemExit: a hook of the contract stands beside no step, or a step names one that is gone.
    """
    drawn = {hook for step in STEPS for hook in step.hooks}
    if drawn != KINDS.keys():
        odd = ", ".join(sorted(drawn ^ KINDS.keys()))
        raise SystemExit(f"STEPS in {__file__} and the hooks of the contract differ: {odd}")
    body = list(_steps())
    height = round(float(body.pop())) + 12
    return HEAD.format(height=height) + "".join(f"  {line}\n" for line in body) + NESTING


def _steps() -> Iterator[str]:
    """The steps with their arrows and hooks, and last the height that they take."""
    top, epochs = 50, []
    for number, step in enumerate(STEPS):
        hooks = list(_lines(step.hooks))
        height = 14 + LINE * max(len(step.says), len(hooks), 1)
        if step.repeated:
            epochs += [top, top + height]
        if number:
            yield f'<path class="line" d="M145 {top - GAP}v{GAP - 2}"/>'
        yield f'<rect class="step" x="30" y="{top}" width="230" height="{height}" rx="4"/>'
        for i, text in enumerate(step.says):
            yield f'<text x="42" y="{top + 22 + LINE * i}">{text}</text>'
        for i, names in enumerate(hooks):
            spans = ", ".join(f'<tspan class="{KINDS[one]}">{one}</tspan>' for one in names)
            yield f'<text x="300" y="{top + 22 + LINE * i}">{spans}</text>'
        if step.note:
            yield f'<text class="small" x="300" y="{top + 22}">{step.note}</text>'
        top += height + GAP
    first, last = min(epochs), max(epochs)
    yield (
        f'<rect x="20" y="{first - 9}" width="250" height="{last - first + 18}" rx="6" fill="none" '
        'stroke="#888" stroke-dasharray="5 4"/>'
    )
    yield f'<text class="small" transform="translate(16 {(first + last) // 2}) rotate(-90)">epochs</text>'
    yield str(top - GAP)


def _lines(hooks: Sequence[str]) -> Iterator[list[str]]:
    """The hooks in lines that are not too wide."""
    line: list[str] = []
    for hook in hooks:
        if line and len(", ".join([*line, hook])) > WIDEST:
            yield line
            line = []
        line.append(hook)
    if line:
        yield line


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
