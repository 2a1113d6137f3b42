"""The network that trains: a multimodal backbone with preference tokens before its first token (P section 2).

Enters: packed batches, after nothing or after what was read before. Leaves: answer logits, margins, grown keys and
values. Does not know: training, logs, prints. There is one body of the pass, `forward`; the form on disk is in
`storage.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from PIL import Image
from torch import Tensor, nn
from transformers import DynamicCache

from tasteprint.config import ModelConfig
from tasteprint.foreign import is_foreign
from tasteprint.hub import find_model
from tasteprint.incontext import storage
from tasteprint.incontext.backbone import Idefics2Backbone
from tasteprint.incontext.conversation import TurnEncoder, template_named
from tasteprint.incontext.loss import AnswerTokens, margin
from tasteprint.incontext.opening import load_backbone
from tasteprint.incontext.packing import SLOT, collate, pack, visible, visible_past
from tasteprint.incontext.published import load_published
from tasteprint.learned_range import LearnedRange
from tasteprint.types import Candidate, History
from tasteprint.vision.idefics2 import VisionPart


class PreferenceTokens(nn.Module):
    """`P_v` of P section 2.2: `length` vectors in the language model's embedding space, input = [P_v ; x_u]."""

    def __init__(self, length: int, width: int, scale: float = 1.0) -> None:
        """Draw U[0, scale) as the paper's code does with scale 1; a small scale suits small embeddings."""
        super().__init__()
        self.vectors = nn.Parameter(torch.rand(length, width) * scale)

    def __len__(self) -> int:
        """Number of tokens (`L_p`)."""
        return self.vectors.shape[0]

    def fill(self, embedded: Float[Tensor, "b s d"], slots: Bool[Tensor, "b s"]) -> Float[Tensor, "b s d"]:
        """Put the tokens, in order, into the slots of each row; every row has none or exactly `L_p` slots."""
        if not len(self):
            return embedded
        order = slots.long().cumsum(dim=1).sub(1).clamp(min=0)
        vectors = self.vectors.to(embedded.dtype)[order.clamp(max=len(self) - 1)]
        return torch.where(slots[..., None], vectors, embedded)


class ReadBefore(NamedTuple):
    """Keys (0) and values (1) that each row of a batch goes on from.

    `lengths` says how many of the places are a row's own, the last ones: pads stand on the left.
    """

    keys: Float[Tensor, "layers 2 b heads past width"]
    lengths: Sequence[int]


class AnswerLogits(NamedTuple):
    """Next-token logits where an answer is read: at the targets, and at the answers inside the context.

    `layers` holds the hidden states (b, s, d) of the layers that were asked for, in that order; `cache` the keys and
    values of all that is now read, where something had been read before.
    """

    targets: Float[Tensor, "n v"]
    context: Float[Tensor, "m v"]
    layers: tuple[Tensor, ...] = ()
    cache: DynamicCache | None = None

    def keys_after(self, first: int) -> Float[Tensor, "layers 2 b heads places width"]:
        """Give the cache's keys and values from place `first` on, as one tensor of its own."""
        assert self.cache is not None, "a pass without a past keeps no keys"
        layers: Any = self.cache.layers
        pairs = [(layer.keys[..., first:, :], layer.values[..., first:, :]) for layer in layers]
        return torch.stack([torch.stack(pair) for pair in pairs])


class PreferenceNetwork(nn.Module):
    """Reads a person's votes as a conversation and answers `+` or `-` to new images.

    `learned` is what it learned from, which is kept with its weights.
    """

    def __init__(self, backbone: Idefics2Backbone, config: ModelConfig, n_tokens: int = 0) -> None:
        """Put the parts together; `n_tokens` is `L_p`, 0 for none."""
        super().__init__()
        self.settings, self.learned = config, LearnedRange()
        self.backbone = backbone
        self.encoder = TurnEncoder(backbone.processor, template_named(config.template), config.prompt_tokens)
        self.answers = AnswerTokens(self.encoder.minus, self.encoder.plus)
        self.tokens = PreferenceTokens(0, backbone.width)
        self.grow_tokens(n_tokens)

    @classmethod
    def from_config(
        cls, config: ModelConfig, captions: Iterable[str] = (), n_tokens: int = 0
    ) -> PreferenceNetwork:
        """Begin from a backbone alone; the captions fit a tokenizer that is built here."""
        return cls(load_backbone(config, captions), config, n_tokens)

    @classmethod
    def from_pretrained(
        cls, name: str | Path, template: str | None = None, n_tokens: int | None = None
    ) -> PreferenceNetwork:
        """Load "mini", which comes with the package, a folder or a Hub repository, ours or as LUP or ViPer publish it.

        ValueError where its template or token count is not the one expected. What others publish names no template:
        there `template` chooses one (`incontext.published`).
        """
        folder = find_model(name)
        about: dict[str, Any] = {}
        if is_foreign(folder):
            backbone, config, tokens = load_published(folder, str(name), template)
            storage.expect(folder, "n_tokens", len(tokens), n_tokens)
        else:
            backbone, config, tokens, about = storage.load(folder, template, n_tokens)
        network = cls(backbone, config, len(tokens))
        network.set_tokens(tokens)
        network.learned = LearnedRange.from_record(about.get("range"))
        return network.eval()

    def save_pretrained(self, folder: str | Path, half: bool = False) -> None:
        """Write weights (safetensors), adapter (PEFT), tokens, processor and settings into a folder.

        With `half` weights take two bytes each; an adapter is written whole.
        """
        more = {"range": self.learned.as_record()}
        storage.save(Path(folder), self.backbone, self.settings, self.tokens.vectors, half, more)

    def load_weights(self, folder: str | Path) -> None:
        """Take over the weights of a folder that a network of the same shape wrote."""
        self.set_tokens(storage.load_weights(Path(folder), self.backbone))

    def set_tokens(self, vectors: Float[Tensor, "..."]) -> None:
        """Take over preference tokens; the number may change."""
        self.grow_tokens(len(vectors))
        if len(vectors):
            with torch.no_grad():
                self.tokens.vectors.copy_(vectors)

    def grow_tokens(self, n_tokens: int) -> None:
        """Give the network `n_tokens` fresh preference tokens where it has another number."""
        if n_tokens != len(self.tokens):
            scale = self.backbone.network.get_input_embeddings().weight.detach().float().std().item()
            self.tokens = PreferenceTokens(n_tokens, self.backbone.width, min(1.0, scale)).to(self.device)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.backbone.network.device

    @property
    def pad_id(self) -> int:
        """Id that fills a row on the left; nothing attends to it."""
        return self.backbone.processor.tokenizer.pad_token_id or 0

    @property
    def vision_part(self) -> VisionPart:
        """What sees: the network's own modules, which stay where they are."""
        return self.backbone.vision_part(self.settings.image_size)

    def pixels(self, images: Sequence[Image.Image]) -> Float[Tensor, "n channels side side"]:
        """Prepare pictures with the backbone's own processor."""
        return self.vision_part.pixels(images)

    def forward(
        self,
        input_ids: Int[Tensor, "b s"],
        segments: Int[Tensor, "b s"],
        position_ids: Int[Tensor, "b s"],
        targets: Int[Tensor, "n 2"],
        context: Int[Tensor, "m 2"],
        image_index: Int[Tensor, " i"],
        pixel_values: Float[Tensor, "u channels h w"] | None = None,
        image_features: Float[Tensor, "u k d"] | None = None,
        layers: Sequence[int] = (),
        past: ReadBefore | None = None,
        **labels: Tensor,
    ) -> AnswerLogits:
        """Answer every target of a packed batch (see `packing.py`), each seeing its context and itself.

        With a `past` each row goes on from its own; its keys are only read, the cache copies them. `labels` are the
        batch's other entries; answering needs none of them.
        """
        if pixel_values is not None:
            image_features = self.backbone.image_features(pixel_values)
        shown = None if image_features is None else image_features[image_index]
        embedded = self.backbone.embed(input_ids.clamp(min=0), shown)
        embedded = self.tokens.fill(embedded, input_ids == SLOT)
        mask, cache = visible(segments, embedded.dtype), None
        if past is not None:
            mask = torch.cat([visible_past(past.lengths, past.keys.shape[-2], mask), mask], dim=-1)
            cache = DynamicCache([(layer[0], layer[1]) for layer in past.keys])
        hidden, *states = self.backbone.hidden_states(embedded, mask, position_ids, cache, layers)
        places = torch.cat([targets, context])
        logits = self.backbone.logits(hidden[places[:, 0], places[:, 1]])
        return AnswerLogits(logits[: len(targets)], logits[len(targets) :], tuple(states), cache)

    @torch.no_grad()
    def margins(
        self,
        histories: Sequence[History],
        candidates: Sequence[Sequence[Candidate]],
        images: Callable[[Sequence[str]], dict[str, Tensor]],
    ) -> list[np.ndarray]:
        """Score each person's candidates after that person's history, all in one pass.

        `images` gives pixels or features by name (see `images.py`). Returns M+ - M-, an array a person; leaves the
        network in evaluation mode.
        """
        self.eval()
        pairs = zip(histories, candidates, strict=True)
        rows = [pack(history, asked, self.encoder, len(self.tokens)) for history, asked in pairs]
        batch, names = collate(rows, self.pad_id)
        batch = {name: value.to(self.device) for name, value in {**batch, **images(names)}.items()}
        flat = margin(self(**batch).targets, self.answers).float().cpu().numpy()
        return np.split(flat, np.cumsum([len(row.targets) for row in rows])[:-1])
