"""Virtual tokens before the text: prompts, p-tuning, and prefixes of the keys and values of attention."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import torch
from peft import (
    PrefixEncoder,
    PrefixTuningConfig,
    PromptEmbedding,
    PromptEncoder,
    PromptEncoderConfig,
    PromptTuningConfig,
)
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import DynamicCache
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
)
from typing_extensions import override

from ft import ConfigError
from ft_peft.injected import WEIGHTS
from ft_peft.methods import Change, Method, entries, heads_of
from ft_peft.parts import encoder_of

NAME = "virtual_tokens"
"""The module within the encoder that holds what learns."""

TOKENS, WIDTH = 10, 128

SMALL = 0.02
"""Standard deviation of new keys and values of a prefix."""

KEY = "prompt_embeddings"
"""What peft calls the result in a file."""


TYPES = {
    "TokenClassification": "TOKEN_CLS",
    "SequenceClassification": "SEQ_CLS",
    "QuestionAnswering": "QUESTION_ANS",
}
"""What peft calls a task, by the end of the name of the model's class."""


class VirtualTokens(nn.Module):
    """Puts virtual tokens before those of a text, and takes them off the encoder's answer.

    Prompts (Lester et al. 2021, arXiv 2104.08691; as the output of a small network: Liu et al. 2021, arXiv
    2103.10385) are word embeddings; a prefix (Li & Liang 2021, arXiv 2101.00190) is keys and values of each
    layer.

    Args:
        source: peft's module that gives the tokens' values, (1, tokens, size) for their numbers.
        tokens: how many.
        layers: of a prefix; ``None``: a prompt.
        heads: of the keys of a layer.
        whole: they are put before the texts of the whole model, not of its encoder alone.
    """

    def __init__(
        self, source: nn.Module, tokens: int, layers: int | None, heads: int, *, whole: bool
    ) -> None:
        super().__init__()
        self.whole = whole
        self.source, self.tokens, self.layers, self.heads = source, tokens, layers, heads

    def values(self) -> Tensor:
        """(tokens, size), of a prefix the keys and values of all layers one behind the other."""
        embedding: Any = self.source.embedding
        numbers = torch.arange(self.tokens, device=embedding.weight.device)
        found: Tensor = self.source(numbers.unsqueeze(0))
        return found[0]

    def before(
        self, reader: nn.Module, given: tuple[Any, ...], named: dict[str, Any]
    ) -> tuple[tuple[()], dict[str, Any]]:
        """Change what the encoder, or the model with its head, is called with."""
        # Of its class: who keeps an encoder's answers puts a function of other arguments in its place.
        _, *parameters = inspect.signature(type(reader).forward).parameters
        named = {**dict(zip(parameters, given, strict=False)), **named}
        words = named.get("inputs_embeds")
        if words is None:
            words = reader.get_input_embeddings()(named["input_ids"])  # type: ignore[operator]
        batch, length = words.shape[:2]
        mask = named.get("attention_mask")
        if mask is None:
            mask = torch.ones(batch, length, dtype=torch.long, device=words.device)
        named["attention_mask"] = torch.cat([mask.new_ones(batch, self.tokens), mask], dim=1)
        values = self.values().to(words.dtype).expand(batch, -1, -1)
        if self.layers is not None:
            named["past_key_values"] = self._cache(values)
            return (), named
        named["inputs_embeds"] = torch.cat([values, words], dim=1)
        named["input_ids"] = None
        for name in ("token_type_ids", "global_attention_mask"):
            if named.get(name) is not None:
                value = named[name]
                named[name] = torch.cat([value.new_zeros(batch, self.tokens), value], dim=1)
        looks = self.whole and "global_attention_mask" in parameters
        if looks and named.get("global_attention_mask") is None:
            # Longformer's head makes it of the numbers of tokens, which are not there.
            everywhere = torch.zeros_like(named["attention_mask"])
            everywhere[:, 0] = 1
            named["global_attention_mask"] = everywhere
        return (), named

    def _cache(self, values: Tensor) -> DynamicCache:
        assert self.layers is not None
        batch = len(values)
        split = values.view(batch, self.tokens, 2 * self.layers, self.heads, -1)
        split = split.permute(2, 0, 3, 1, 4)
        cache = DynamicCache()
        for i in range(self.layers):
            cache.update(split[2 * i], split[2 * i + 1], i)
        return cache

    def after(self, encoder: nn.Module, given: Any, output: Any) -> Any:
        """Take the virtual tokens off what the encoder returned."""
        if self.layers is None:
            states = output.last_hidden_state
            length = states.shape[1]
            for name, value in list(output.items()):
                if isinstance(value, Tensor) and value.dim() > 2 and value.shape[1] == length:
                    output[name] = value[:, self.tokens :]
        return output


class Prompts(Method):
    """Prompt tuning, p-tuning and prefix tuning, by peft's modules and in peft's files.

    As with peft, the head of a class of texts sees virtual tokens and words alike where it reads the first
    token or all of them; elsewhere they are taken off behind the encoder, so that a word, or the last token
    of a text, stands where it stood.
    """

    @override
    def attach(self, model: nn.Module) -> None:
        encoder = encoder_of(model)
        self._check(encoder)
        config = self._config(encoder)
        source: nn.Module
        if isinstance(config, PrefixTuningConfig):
            source = PrefixEncoder(config)
            nn.init.normal_(source.embedding.weight, std=SMALL)
        elif isinstance(config, PromptEncoderConfig):
            source = PromptEncoder(config)
        else:
            source = PromptEmbedding(config, encoder.get_input_embeddings())  # type: ignore[operator]
        self._put(model, source)

    def _put(self, model: nn.Module, source: nn.Module) -> None:
        encoder = encoder_of(model)
        config: Any = encoder.config
        prefix = self.settings.method == "prefix"
        layers = config.num_hidden_layers if prefix else None
        whole = not prefix and _head_sees_them(model)
        heads = _heads(config) if prefix else 1
        made = VirtualTokens(source, self._tokens, layers, heads, whole=whole)
        made.to(next(encoder.parameters()).device)
        encoder.add_module(NAME, made)
        reader = model if whole else encoder
        reader.register_forward_pre_hook(made.before, with_kwargs=True)
        if not whole:
            encoder.register_forward_hook(made.after)

    @property
    def _tokens(self) -> int:
        return self.settings.tokens or TOKENS

    def _check(self, encoder: nn.Module) -> None:
        """Refuse an encoder that has no place for virtual tokens.

        Raises:
            ConfigError: it has none.
        """
        method, kind = self.settings.method, type(encoder).__name__
        takes = inspect.signature(type(encoder).forward).parameters
        config: Any = getattr(encoder, "config", None)
        if getattr(config, "is_encoder_decoder", False):
            what = "has a decoder, which would not see them"
        elif "inputs_embeds" not in takes or "input_ids" not in takes:
            what = "reads no tokens"
        elif method == "prefix" and "past_key_values" not in takes:
            what = "takes no keys and values of earlier tokens"
        else:
            return
        raise ConfigError(
            f"the method {method} puts virtual tokens before a text, and the encoder, a {kind}, {what}",
            where="peft.method",
            hint="take lora" + (", or prompt" if method == "prefix" and "no keys" in what else ""),
        )

    def room(self, encoder: nn.Module, longest: int) -> None:
        """See that the model has positions for the virtual tokens and the longest text.

        Args:
            encoder: it.
            longest: tokens of a window.

        Raises:
            ConfigError: it has not.
        """
        most = positions(encoder)
        if most is not None and longest + self._tokens > most:
            left = most - self._tokens
            raise ConfigError(
                f"{self._tokens} virtual tokens and windows of {longest} are more than the "
                f"{most} positions of the model",
                where="run.max_length" if left > 0 else "peft.tokens",
                hint=f"set it to {left} at most" if left > 0 else f"set it to less than {most}",
            )

    def _config(self, encoder: nn.Module, **more: Any) -> Any:
        own: Any = encoder.config
        words: Any = encoder.get_input_embeddings()  # type: ignore[operator]
        named = {
            "num_virtual_tokens": self._tokens,
            "num_transformer_submodules": 1,
            "num_layers": own.num_hidden_layers,
            "num_attention_heads": own.num_attention_heads,
            "token_dim": words.weight.shape[1],
            **more,
        }
        if self.settings.method == "prefix":
            heads = _heads(own)
            named |= {"num_attention_heads": heads, "token_dim": heads * _size(own)}
            return PrefixTuningConfig(**named)
        if self.settings.method == "ptuning":
            return PromptEncoderConfig(encoder_hidden_size=self.settings.width or WIDTH, **named)
        return PromptTuningConfig(prompt_tuning_init="SAMPLE_VOCAB", **named)

    @override
    def plain(self, model: nn.Module, *, merge: bool) -> list[tuple[nn.Module, Change]]:
        def change(state: dict[str, Any], prefix: str) -> None:
            for key in [one for one in state if one.startswith(f"{prefix}{NAME}.")]:
                del state[key]

        return [(encoder_of(model), change)]

    @override
    def write(self, model: nn.Module, base: str | None, folder: Path) -> None:
        encoder = encoder_of(model)
        tokens: Any = encoder.get_submodule(NAME)
        with torch.no_grad():
            state = {KEY: tokens.values().detach().cpu().contiguous().clone()}
        heads = heads_of(model, VirtualTokens)
        for name, head in heads.items():
            state |= entries(head, f"base_model.{name}.")
        save_file(state, folder / WEIGHTS, metadata={"format": "pt"})
        name = type(model).__name__
        kind = next((one for end, one in TYPES.items() if name.endswith(end)), None)
        config = self._config(encoder, task_type=kind, modules_to_save=list(heads) or None)
        config.inference_mode, config.base_model_name_or_path = True, base
        config.save_pretrained(str(folder))

    @override
    def read(self, model: nn.Module, folder: Path) -> None:
        self._put(model, Known(load_file(folder / WEIGHTS)[KEY]))
        encoder_of(model).requires_grad_(False)


class Known(nn.Module):
    """Virtual tokens that have been learnt.

    Args:
        values: (tokens, size).
    """

    def __init__(self, values: Tensor) -> None:
        super().__init__()
        self.embedding = nn.Embedding.from_pretrained(values)

    def forward(self, numbers: Tensor) -> Tensor:
        """Their values, (1, tokens, size)."""
        found: Tensor = self.embedding(numbers)
        return found


def _head_sees_them(model: nn.Module) -> bool:
    """Whether the head is one of transformers for texts, and looks for no last token."""
    kind = getattr(getattr(model, "config", None), "model_type", None)
    writes = (
        kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and kind not in MODEL_FOR_MASKED_LM_MAPPING_NAMES
    )
    return type(model).__name__.endswith("SequenceClassification") and not writes


def positions(encoder: nn.Module) -> int | None:
    """How many tokens the table of positions of an encoder has room for; ``None``: it has none.

    RoBERTa and its kin count from behind the index of the padding token.
    """
    most: Any = getattr(encoder.config, "max_position_embeddings", None)
    words = encoder.get_input_embeddings()  # type: ignore[operator]
    tables = [
        one
        for one in encoder.modules()
        if isinstance(one, nn.Embedding) and one is not words and one.num_embeddings == most
    ]
    return min(
        (most - (t.padding_idx + 1 if t.padding_idx is not None else 0) for t in tables),
        default=None,
    )


def _heads(config: Any) -> int:
    return int(getattr(config, "num_key_value_heads", None) or config.num_attention_heads)


def _size(config: Any) -> int:
    """Numbers of a key."""
    own = getattr(config, "head_dim", None)
    return int(own or config.hidden_size // config.num_attention_heads)
