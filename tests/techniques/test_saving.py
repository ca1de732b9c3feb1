"""What the adapter saves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, BertConfig, BertModel

import ft
from ft_kit import TEXTS
from ft_kit.compare import tensors

HERE = Path(__file__).parent
LORA = [TEXTS, str(HERE / "lora.py")]


def test_the_merged_model_is_the_encoder_and_the_adapter(ft_run: Any, ft_tiny_model: Path) -> None:
    output = ft_run(LORA, epochs=1, lora={"rank": 2, "alpha": 6}).output
    before = tensors(ft_tiny_model / "model.safetensors")
    merged = tensors(output / "model" / "model.safetensors")
    adapter = tensors(output / "model" / "adapter.safetensors")
    ups = [name for name in adapter if name.endswith(".up")]
    assert ups
    for name in ups:
        layer = name.removesuffix(".up")
        plain = before[f"{layer}.weight".removeprefix("bert.")]
        product = 3 * adapter[name] @ adapter[f"{layer}.down"]
        assert product.abs().max() > 0
        torch.testing.assert_close(merged[f"{layer}.weight"], plain + product)
    others = [
        n
        for n in merged
        if n.startswith("bert.") and not n.endswith(("query.weight", "value.weight"))
    ]
    assert others
    assert all(torch.equal(merged[name], before[name.removeprefix("bert.")]) for name in others)


def test_a_checkpoint_holds_the_adapter_alone(
    ft_run: Any, ft_tiny_model: Path, tmp_path: Path
) -> None:
    words = AutoConfig.from_pretrained(ft_tiny_model).vocab_size
    shape = {"num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 1024}
    wide = BertModel(BertConfig(vocab_size=words, hidden_size=256, **shape))
    base = tmp_path / "wide"
    base.mkdir()
    for path in ft_tiny_model.iterdir():
        (base / path.name).write_bytes(path.read_bytes())
    wide.save_pretrained(base)
    output = ft_run(LORA, epochs=1, max_steps=2, model=str(base)).output
    (last,) = (output / "checkpoints").glob("step-*")
    size = sum(path.stat().st_size for path in last.rglob("*") if path.is_file())
    assert size < 0.05 * (output / "model" / "model.safetensors").stat().st_size


@pytest.mark.long
def test_a_checkpoint_on_the_starter_is_under_two_megabytes(ft_run: Any) -> None:
    output = ft_run(
        LORA, max_steps=2, checkpoint_steps=1, model=str(ft.starter("model")), lora={"rank": 8}
    ).output
    for path in (output / "checkpoints").glob("step-*"):
        kept = tensors(path / "model.safetensors")
        assert sum(name.endswith(("query.up", "value.up")) for name in kept) == 12
        assert sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) < 2_000_000
    assert (output / "model" / "model.safetensors").stat().st_size > 80_000_000
