"""The preference model: reads a person's votes as a conversation and answers `+` or `-` to a new image.

Enters: packed batches, or a history and images. Leaves: answer logits and scores. Does not know: training, files
of votes, which backbone it sits on. The form on disk is next door, in `storage.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor, nn

from tasteprint.config import ModelConfig
from tasteprint.data.decode import open_image as open_picture
from tasteprint.incontext.attention import PreferenceTokens, visible
from tasteprint.incontext.backbone import Idefics2Backbone, load_backbone
from tasteprint.incontext.conversation import TurnEncoder, template_named
from tasteprint.incontext.loss import AnswerTokens, margin
from tasteprint.incontext.packing import SLOT, collate, pack
from tasteprint.incontext.prints import InContextPrint, OpenImage, encode
from tasteprint.incontext.storage import load, load_weights, push, save
from tasteprint.types import History
from tasteprint.vision.pixels import processed


class AnswerLogits(NamedTuple):
    """Next-token logits where an answer is read: at the targets, and at the answers inside the histories.

    `layers` holds the hidden states (b, s, d) of the layers that were asked for, in that order.
    """

    targets: Float[Tensor, "n v"]
    told: Float[Tensor, "m v"]
    layers: tuple[Tensor, ...] = ()


class InContextModel(nn.Module):
    """A multimodal model with preference tokens before its first token (P section 2)."""

    def __init__(self, backbone: Idefics2Backbone, config: ModelConfig, n_tokens: int = 0) -> None:
        """Put the parts together; `n_tokens` is `L_p`, 0 for none."""
        super().__init__()
        self.settings = config
        self.backbone = backbone
        self.encoder = TurnEncoder(backbone.processor, template_named(config.template), config.prompt_tokens)
        self.answers = AnswerTokens(self.encoder.minus, self.encoder.plus)
        self.tokens = PreferenceTokens(0, backbone.width)
        self.grow_tokens(n_tokens)

    @classmethod
    def from_config(
        cls, config: ModelConfig, captions: Iterable[str] = (), n_tokens: int = 0
    ) -> InContextModel:
        """Begin from a backbone alone; the captions fit a tokenizer that is built here."""
        return cls(load_backbone(config, captions), config, n_tokens)

    @classmethod
    def from_pretrained(
        cls, name: str | Path, template: str | None = None, n_tokens: int | None = None
    ) -> InContextModel:
        """Load "mini", which comes with the package, a folder or a Hub repository.

        ValueError where its template or token count is not the one expected.
        """
        backbone, config, tokens = load(name, template, n_tokens)
        model = cls(backbone, config, len(tokens))
        model.set_tokens(tokens)
        return model.eval()

    def save_pretrained(self, folder: str | Path, half: bool = False) -> None:
        """Write weights (safetensors), adapter (PEFT), tokens, processor and settings into a folder.

        With `half` weights take two bytes each; an adapter is written whole.
        """
        save(Path(folder), self.backbone, self.settings, self.tokens.vectors, half)

    def push_to_hub(self, repository: str, private: bool = False) -> str:
        """Save and upload to the Hub; returns the commit's address."""
        with TemporaryDirectory() as folder:
            self.save_pretrained(folder)
            return push(Path(folder), repository, private)

    def load_weights(self, folder: str | Path) -> None:
        """Take over the weights of a folder that a model of the same shape wrote."""
        self.set_tokens(load_weights(Path(folder), self.backbone))

    def set_tokens(self, vectors: Float[Tensor, "..."]) -> None:
        """Take over preference tokens; the number may change."""
        self.grow_tokens(len(vectors))
        if len(vectors):
            with torch.no_grad():  # and not through `.data`, which torch does not count as a change
                self.tokens.vectors.copy_(vectors)

    def grow_tokens(self, n_tokens: int) -> None:
        """Give the model `n_tokens` fresh preference tokens where it has another number."""
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

    def pixels(self, images: Sequence[Image.Image]) -> Float[Tensor, "n 3 side side"]:
        """Prepare pictures with the backbone's own processor."""
        return processed(images, self.backbone.processor, self.settings.image_size)

    def forward(
        self,
        input_ids: Int[Tensor, "b s"],
        segments: Int[Tensor, "b s"],
        position_ids: Int[Tensor, "b s"],
        targets: Int[Tensor, "n 2"],
        told: Int[Tensor, "m 2"],
        image_index: Int[Tensor, " i"],
        pixel_values: Float[Tensor, "u 3 h w"] | None = None,
        image_features: Float[Tensor, "u k d"] | None = None,
        layers: Sequence[int] = (),
        **labels: Tensor,
    ) -> AnswerLogits:
        """Answer every target of a packed batch (see `data/collate.py`), each seeing its history and itself.

        `labels` are the batch's other entries; answering needs none of them.
        """
        if image_features is None:
            assert pixel_values is not None, "a batch brings pixels or features"
            image_features = self.backbone.image_features(pixel_values)
        embedded = self.backbone.embed(input_ids.clamp(min=0), image_features[image_index])
        embedded = self.tokens.fill(embedded, input_ids == SLOT)
        hidden, *states = self.backbone.hidden_states(
            embedded, visible(segments, embedded.dtype), position_ids, layers=layers
        )
        places = torch.cat([targets, told])
        logits = self.backbone.logits(hidden[places[:, 0], places[:, 1]])
        return AnswerLogits(logits[: len(targets)], logits[len(targets) :], tuple(states))

    def print_of(self, history: History, open_image: OpenImage = open_picture) -> InContextPrint:
        """Read a person's votes once; `open_image` opens the names in them (default: they are paths)."""
        self.eval()
        return encode(self, history, open_image)

    @torch.no_grad()
    def margins(
        self,
        histories: Sequence[History],
        candidates: Sequence[Sequence[tuple[str, str]]],
        images: Callable[[Sequence[str]], dict[str, Tensor]],
    ) -> list[np.ndarray]:
        """Score each person's (image, prompt) candidates after that person's history, all in one pass.

        `images` gives pixels or features by name (see `features.py`). Returns M+ - M- an array a person.
        """
        self.eval()
        pairs = zip(histories, candidates, strict=True)
        rows = [pack(history, asked, self.encoder, len(self.tokens)) for history, asked in pairs]
        batch, names = collate(rows, self.pad_id)
        batch = {name: value.to(self.device) for name, value in {**batch, **images(names)}.items()}
        flat = margin(self(**batch).targets, self.answers).float().cpu().numpy()
        return np.split(flat, np.cumsum([len(row.targets) for row in rows])[:-1])
