"""Train a small ResNet from nothing with a plain loop and with ft, in turn, seed by seed; and a checkpoint with ft.

    OMP_NUM_THREADS=1 python tests/benchmarks/image.py --data DIR --seeds 0 1 2
    OMP_NUM_THREADS=1 python tests/benchmarks/image.py --data DIR --checkpoint frozen tuned --seeds 0 1 2

``DIR`` holds ``images.zip`` and ``train.csv``, ``dev.csv``, ``test.csv`` with the columns ``path`` and ``label``. Both
loops start from the same random weights, with the same settings (AdamW, linear decay, float32, batches of 32), score dev
after each epoch and test with the best. The plain loop decodes every image once and keeps its pixels in memory. One JSON line a
training; ``seconds`` is processor time of all of it, reading and saving too.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

RESNET = {"embedding_size": 32, "hidden_sizes": [32, 64, 128], "depths": [2, 2, 2]}
BATCH = 32


def read(folder: Path, split: str) -> list[tuple[Path, str]]:
    """Path and class of each image of a split."""
    with (folder / f"{split}.csv").open() as file:
        return [(folder / row["path"], row["label"]) for row in csv.DictReader(file)]


def macro_f1(gold: Any, told: Any) -> float:
    """By scikit-learn."""
    from sklearn.metrics import f1_score

    return float(f1_score(gold, told, average="macro"))


def plain(given: argparse.Namespace, folder: Path, model: Path, seed: int) -> dict[str, Any]:
    """A loop over tensors in memory, as one writes it by hand."""
    import torch
    from PIL import Image
    from transformers import AutoImageProcessor, AutoModelForImageClassification

    torch.manual_seed(seed)
    processor = AutoImageProcessor.from_pretrained(model)
    splits = {}
    names = sorted({label for _, label in read(folder, "train")})
    for split in ("train", "dev", "test"):
        rows = read(folder, split)
        images = []
        for path, _ in rows:
            with Image.open(path) as image:
                images.append(image.convert("RGB"))
        pixels = processor(images=images, return_tensors="pt")["pixel_values"]
        splits[split] = pixels, torch.tensor([names.index(label) for _, label in rows])
    net = AutoModelForImageClassification.from_pretrained(
        model, num_labels=len(names), dtype=torch.float32
    )
    optimizer = torch.optim.AdamW(net.parameters(), lr=given.rate, weight_decay=0.01, fused=True)
    inputs, labels = splits["train"]
    steps = max(1, given.epochs) * -(-len(inputs) // BATCH)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)

    def predict(split: str) -> Any:
        net.eval()
        with torch.no_grad():
            parts = [net(pixel_values=part).logits for part in splits[split][0].split(128)]
        return torch.cat(parts).argmax(-1)

    best, kept, trained = -1.0, {}, 0.0
    for _ in range(given.epochs):
        began = time.process_time()
        net.train()
        for rows in torch.randperm(len(inputs)).split(BATCH):
            loss = net(pixel_values=inputs[rows], labels=labels[rows]).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
        trained += time.process_time() - began
        score = macro_f1(splits["dev"][1], predict("dev"))
        if score > best:
            best, kept = score, {name: one.clone() for name, one in net.state_dict().items()}
    net.load_state_dict(kept or net.state_dict())
    told, gold = predict("test"), splits["test"][1]
    with tempfile.TemporaryDirectory() as out:
        net.save_pretrained(out)
    return {
        "accuracy": float((told == gold).float().mean()),
        "macro_f1": macro_f1(gold, told),
        "dev": best,
        "loop_seconds": trained,
    }


def with_ft(
    given: argparse.Namespace, folder: Path, model: str, seed: int, **more: Any
) -> dict[str, Any]:
    """The same with ft."""
    import ft

    task = {
        "train": str(folder / "train.csv"),
        "validation": str(folder / "dev.csv"),
        "test": str(folder / "test.csv"),
        "columns": {"image": "path"},
        **more.pop("image", {}),
    }
    settings = {
        "epochs": given.epochs,
        "learning_rate": given.rate,
        "batch_size": BATCH,
        "max_tokens": 65536,
        "precision": "fp32",
        "device": "cpu",
        "report": False,
        "quiet": True,
        **more,
    }
    with tempfile.TemporaryDirectory() as out:
        result = ft.run(
            ["image"], image=task, model=model, seed=seed, output=Path(out) / "run", **settings
        )
    scores = result.metrics["test"]
    told = {name: scores[name].value for name in ("accuracy", "macro_f1", "ece")}
    interval = [round(scores["accuracy"].low or 0, 4), round(scores["accuracy"].high or 0, 4)]
    wall = result.record["train_seconds"]
    dev = result.metrics["validation"]["macro_f1"].value
    table = next(one for one in result.tables if one.title == "Baselines")
    base = {str(row[0]): row[1] for row in table.rows[:-1]}
    return {**told, "interval": interval, "dev": dev, "wall": wall, "baselines": base}


def random_resnet(folder: Path, seed: int) -> Path:
    """A ResNet with random weights and the size of the images."""
    import torch
    from transformers import ResNetConfig, ResNetForImageClassification, ViTImageProcessorPil

    torch.manual_seed(seed)
    config = ResNetConfig(**RESNET, layer_type="basic", num_labels=10)
    ResNetForImageClassification(config).save_pretrained(folder)
    mean, deviation = [0.4914, 0.4822, 0.4465], [0.247, 0.2435, 0.2616]
    size = {"height": 32, "width": 32}
    ViTImageProcessorPil(size=size, image_mean=mean, image_std=deviation).save_pretrained(folder)
    return folder


LITE = "efficientnet-lite0"
CHECKPOINT: dict[str, dict[str, Any]] = {
    "frozen": {"freeze": "encoder", "epochs": 10, "learning_rate": 3e-3},
    "tuned": {"epochs": 1, "learning_rate": 1e-3},
}


def main() -> None:
    """Train, and print a JSON line for each training."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--size", type=int, default=64, help="pixels for the checkpoint")
    parser.add_argument("--checkpoint", nargs="+", choices=list(CHECKPOINT), default=[])
    given = parser.parse_args()

    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "data"
        with zipfile.ZipFile(given.data / "images.zip") as archive:
            archive.extractall(folder)
        for split in ("train", "dev", "test"):
            (folder / f"{split}.csv").write_bytes((given.data / f"{split}.csv").read_bytes())

        def say(system: str, seed: int, train: Any) -> None:
            began = time.process_time()
            found = train()
            found["seconds"] = time.process_time() - began
            short = {k: round(v, 4) if isinstance(v, float) else v for k, v in found.items()}
            print(json.dumps({"system": system, "seed": seed, **short}), flush=True)

        # What is imported first is paid once, and by nobody.
        warm = str(random_resnet(Path(temporary) / "warm", 0))
        with_ft(given, folder, warm, 0, max_steps=1)
        plain(argparse.Namespace(epochs=0, rate=1e-3), folder, Path(warm), 0)

        for seed in given.seeds:
            size = {"image": {"size": given.size}}
            for kind in given.checkpoint:
                more = {**CHECKPOINT[kind], **size}
                say(kind, seed, lambda m=more, s=seed: with_ft(given, folder, LITE, s, **m))
            if given.checkpoint:
                continue
            model = random_resnet(Path(temporary) / f"resnet-{seed}", seed)
            systems = {
                "plain": lambda m=model, s=seed: plain(given, folder, m, s),
                "ft": lambda m=model, s=seed: with_ft(given, folder, str(m), s),
            }
            for name in sorted(systems, reverse=bool(seed % 2)):
                say(name, seed, systems[name])


if __name__ == "__main__":
    main()
