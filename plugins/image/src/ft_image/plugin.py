"""The plugin: from image files to their classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from PIL import Image
from torch import nn

import ft
from ft import ConfigError, DataError, Evaluation, Plugin, Predictions, Run, TaskData, hookimpl
from ft_image import efficientnet
from ft_image.augment import Altered
from ft_image.data import load
from ft_image.example import SIDE, write_example
from ft_image.looking import IMAGE, LABEL, Look, named
from ft_image.norms import HoldNorms
from ft_image.opening import DATA, Unreadable, open_image, read_bytes
from ft_image.processing import (
    PATCH,
    TIMM,
    describe_timm,
    described,
    make_processor,
    pixels_of,
)
from ft_image.scoring import Trivial, score
from ft_image.settings import ImageConfig

EFFICIENTNET = "efficientnet-lite0"
"""The checkpoint that comes as a package, by the name that ``--model`` knows."""

EXAMPLE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAFUlEQVR42mNsaGhgwAaYGHCA"
    "wSkBADAXAZDUexXGAAAAAElFTkSuQmCC"
)
"""A grey image of 8 x 8 pixels."""

HINT = 'e.g. {"image": "photo.jpg"}, or the image itself as {"image": "data:image/jpeg;base64,..."}'


class Images(Plugin):
    """Says which class an image is of."""

    Config: ClassVar[type[ft.Config]] = ImageConfig
    config: ImageConfig
    families = ("image", "convnet")

    @classmethod
    def example_settings(cls, folder: Path) -> dict[str, Any]:
        """Small images of two colours."""
        return {**write_example(folder), "size": SIDE}

    @classmethod
    def run_defaults(cls, config: Any) -> dict[str, Any]:
        """The checkpoint that comes as a package, where that is installed."""
        return {"model": EFFICIENTNET} if efficientnet.installed() else {}

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._processor: Any = None
        self._looks: Mapping[str, Look] = {}
        self._trivial: Trivial | None = None

    @hookimpl
    def load_data(self, run: Run) -> TaskData:
        """Read the splits, and look at every image."""
        known = None
        if run.restored:
            assert run.data is not None
            assert run.data.schema.label is not None
            known = run.data.schema.label.names
        data, looks = load(self.config, self.name, run, known)
        self._looks = looks.known
        if "train" in data.splits:
            rows = data.splits["train"]
            self._trivial = Trivial(rows[LABEL][:], self._thumbs(rows[IMAGE][:]))
        return data

    def _thumbs(self, paths: Sequence[str]) -> np.ndarray:
        return np.stack([self._looks[path].thumb for path in paths]).astype(np.float32)

    @hookimpl
    def build_head(self, inner: Callable[..., nn.Module], run: Run, data: TaskData) -> nn.Module:
        """The checkpoint with a head for the classes, tried on one image."""
        processor = self._prepared(run)
        model = inner(run, data)
        if run.model_config.model_type == TIMM and not run.restored:
            describe_timm(model.config, data, self.config.size)
        model.register_forward_pre_hook(HoldNorms(self.config.fixed_norms), with_kwargs=True)
        if run.restored:
            return model
        (grey,) = pixels_of(processor, [Image.new("RGB", (64, 64), (128, 128, 128))])
        try:
            with torch.no_grad(), torch.random.fork_rng(devices=[]):
                model.eval()(pixel_values=torch.from_numpy(grey)[None])
        except (ValueError, RuntimeError) as error:
            raise ConfigError(
                f"the model does not take images of {'x'.join(map(str, grey.shape))}: {error}",
                where=f"{self.name}.size" if self.config.size else "run.model",
            ) from error
        model.train()
        megabytes = grey.nbytes * len(data.splits["train"]) / 1e6
        self.varies = megabytes > self.config.keep_pixels
        run.note(f"images as the model sees them: {described(processor)}")
        return model

    def _prepared(self, run: Run) -> Any:
        if self._processor is None:
            self._processor = make_processor(run, self.config.size if not run.restored else None)
        return self._processor

    def cache_key(self, run: Run) -> Any:
        """What the image processor does."""
        return self._prepared(run).to_dict()

    @hookimpl
    def save_model(
        self, inner: Callable[..., None], run: Run, model: nn.Module, folder: Path
    ) -> None:
        """The model, and the image processor as it is used."""
        inner(run, model, folder)
        if run.model_config.model_type != TIMM:  # such a model's config.json says all of it
            self._prepared(run).save_pretrained(folder)

    @hookimpl
    def encode(
        self, run: Run, examples: Mapping[str, list[Any]], training: bool
    ) -> Mapping[str, list[Any]]:
        """Pixels of each image, a path, a ``data:`` text or an image of Pillow, and its class."""
        pixels = pixels_of(self._prepared(run), (self.opened(one) for one in examples[IMAGE]))
        features: dict[str, list[Any]] = {
            "pixel_values": pixels,
            "length": [max(1, one.shape[1] * one.shape[2] // PATCH**2) for one in pixels],
        }
        values = examples.get(LABEL)
        if values and all(value is not None for value in values):
            assert run.data is not None
            assert run.data.schema.label is not None
            ids = {name: i for i, name in enumerate(run.data.schema.label.names)}
            features["labels"] = [ids[value] for value in values]
        return features

    def opened(self, source: Any) -> Image.Image:
        """An image in RGB, from what stands in the column of images.

        Raises:
            DataError: it cannot be read.
        """
        if isinstance(source, Image.Image):
            return source
        if isinstance(source, Altered):
            return source.change(self.opened(source.source))
        try:
            return open_image(read_bytes(source), self.config.colour, self.config.max_pixels).image
        except Unreadable as error:
            relative = not source.startswith(DATA) and not Path(source).is_absolute()
            hint = f"the path of a request begins in the current folder, {Path.cwd()}"
            raise DataError(
                f"the image {named(source)} {error}", hint=hint if relative else None
            ) from error

    @hookimpl
    def evaluate(self, run: Run, predictions: Predictions) -> Evaluation:
        """Score the classes."""
        label = predictions.schema.label
        assert label is not None
        paths = list(predictions.examples[IMAGE])
        baselines: Mapping[str, Sequence[str]] = {}
        if self._trivial is not None and all(path in self._looks for path in paths):
            baselines = self._trivial.predict(self._thumbs(paths))
        return score(predictions.examples[LABEL][:], predictions.items, label.names, baselines)

    @hookimpl
    def read_request(self, run: Run, request: str | Mapping[str, Any]) -> Mapping[str, Any]:
        """The path of an image, or the image itself as a ``data:`` text."""
        source = request if isinstance(request, str) else request.get(IMAGE)
        if not isinstance(source, str) or not source:
            raise DataError("a request needs an image", hint=HINT)
        self.opened(source)
        return {**({} if isinstance(request, str) else request), IMAGE: source}

    def request_schema(self, run: Run) -> Mapping[str, Any]:
        """An image."""
        text = {
            "type": "string",
            "format": "path",
            "contentMediaType": "image/*",
            "description": "the path of an image, or the image itself: data:image/jpeg;base64,...",
        }
        return {
            "anyOf": [
                text,
                {"type": "object", "properties": {IMAGE: text}, "required": [IMAGE]},
            ],
            "examples": [{IMAGE: EXAMPLE}],
        }
