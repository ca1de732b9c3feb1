"""What adversarial training costs: time in clean steps, and peak memory beside a clean step's.

    python tests/benchmarks/adversarial_cost.py

Each measurement is a process of its own, which trains a sequence classifier on random tokens for a
few optimizer steps under bf16 autocast; the methods take turns, and the medians are over the
repetitions. The peak is that of the whole process (the resident set, or on a GPU what torch
allocated), interpreter and libraries included; ``net`` leaves out what the process held before its
first step, weights included. On a machine that others use too, take ``--clock cpu`` with
``OMP_NUM_THREADS=1``: the processor time of this process alone.

The bounds that hold for FGM: at most 2.1 clean steps and 1.25 times the peak memory.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path
from time import perf_counter, process_time
from types import SimpleNamespace
from typing import Any

METHODS = ("fgm", "pgd", "freelb", "smart", "r3f")
WARM_UP = 2


def peak_mb(device: str) -> float:
    """Peak memory of this process so far, in MB."""
    if device == "cuda":
        import torch

        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(args: argparse.Namespace) -> dict[str, float]:
    """Train for a few steps with one method; median seconds a step, and peak memory in MB."""
    import torch
    from torch.nn.functional import cross_entropy
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    from ft import Loss, starter
    from ft_adversarial import Adversarial, AdversarialConfig

    def backward(loss: Loss) -> None:
        with torch.autocast(args.device, enabled=False):
            loss.total.backward()  # type: ignore[no-untyped-call]

    def inner(run: Any, model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> Loss:
        outputs = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])
        total = cross_entropy(outputs.logits.float(), batch["labels"], reduction="sum")
        return Loss(total, len(batch["labels"]), {"logits": outputs.logits})

    torch.manual_seed(0)
    path = args.model or starter("model")
    if path is None:
        sys.exit("no starter model is installed: name one with --model")
    model = AutoModelForSequenceClassification.from_pretrained(path, num_labels=2)
    model = model.float().to(args.device).train()
    tokenizer = AutoTokenizer.from_pretrained(path)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)
    run: Any = SimpleNamespace(
        step=1, total_steps=1, device=torch.device(args.device), tokenizer=tokenizer,
        backward=backward,
    )  # fmt: skip
    method = "none" if args.measure == "clean" else args.measure
    plugin = Adversarial(AdversarialConfig(method=method))
    plugin.seed("adversarial", 0)
    ids = torch.randint(1000, model.config.vocab_size, (args.batch, args.length))
    ids[:, 0], ids[:, -1] = tokenizer.cls_token_id, tokenizer.sep_token_id
    batch = {
        "input_ids": ids.to(args.device),
        "attention_mask": torch.ones_like(ids).to(args.device),
        "labels": (torch.arange(args.batch) % 2).to(args.device),
    }
    clock = process_time if args.clock == "cpu" else perf_counter
    before = peak_mb(args.device)
    seconds = []
    for _ in range(WARM_UP + args.steps):
        started = clock()
        with torch.autocast(args.device, torch.bfloat16):
            loss = plugin.compute_loss(inner, run, model, batch)
        backward(loss)
        optimizer.step()
        optimizer.zero_grad()
        if args.device == "cuda":
            torch.cuda.synchronize()
        seconds.append(clock() - started)
    peak = peak_mb(args.device)
    return {
        "seconds": statistics.median(seconds[WARM_UP:]),
        "peak": peak,
        "net": peak - before,
        "forwards": plugin.forwards(1),
    }


def compare(args: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Measure clean steps and every method in turn, each in a process of its own."""
    kinds = ["clean", *args.methods]
    found: dict[str, list[dict[str, float]]] = {kind: [] for kind in kinds}
    passed = ("batch", "length", "steps", "device", "clock")
    options = [f"--{name}={getattr(args, name)}" for name in passed]
    options += [f"--model={args.model}"] if args.model else []
    for repetition in range(args.repetitions):
        # Back and forth, so that a machine that warms up or slows down favours nobody.
        for kind in kinds if repetition % 2 == 0 else reversed(kinds):
            done = subprocess.run(
                [sys.executable, str(Path(__file__).resolve()), f"--measure={kind}", *options],
                stdout=subprocess.PIPE,
                text=True,
                check=True,
                env={**os.environ, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"},
            )
            found[kind].append(json.loads(done.stdout.splitlines()[-1]))
            print(repetition + 1, kind, found[kind][-1], file=sys.stderr)
    rows = {}
    for kind in kinds:
        pairs = list(zip(found[kind], found["clean"], strict=True))
        rows[kind] = {
            "seconds": statistics.median(one["seconds"] for one, _ in pairs),
            "steps": statistics.median(one["seconds"] / clean["seconds"] for one, clean in pairs),
            "peak": statistics.median(one["peak"] for one, _ in pairs),
            "memory": statistics.median(one["peak"] / clean["peak"] for one, clean in pairs),
            "net": statistics.median(one["net"] / clean["net"] for one, clean in pairs),
            "forwards": pairs[0][0]["forwards"],
        }
    return rows


def main() -> None:
    """Parse the command line, measure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="folder of a pre-trained encoder; default: the starter's")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=["fgm"])
    parser.add_argument("--batch", type=int, default=32, help="examples a step")
    parser.add_argument("--length", type=int, default=64, help="tokens an example")
    parser.add_argument("--steps", type=int, default=7, help="timed steps a process")
    parser.add_argument("--repetitions", type=int, default=5, help="processes a method")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--measure", choices=["clean", *METHODS], help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        print(json.dumps(measure(args)))
        return
    rows = compare(args)
    if args.json:
        print(json.dumps(rows, indent=2))
        return
    print(f"{args.batch} x {args.length} tokens, bf16, {args.device}; ", end="")
    print(f"medians of {args.repetitions} processes of {args.steps} steps")
    print(f"{'':8}{'forwards':>9}{'ms/step':>9}{'steps':>7}{'peak MB':>9}{'memory':>8}{'net':>6}")
    for kind, row in rows.items():
        print(
            f"{kind:8}{row['forwards']:9.0f}{row['seconds'] * 1000:9.0f}{row['steps']:7.2f}"
            f"{row['peak']:9.0f}{row['memory']:8.2f}{row['net']:6.2f}"
        )


if __name__ == "__main__":
    main()
