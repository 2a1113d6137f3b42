"""A network that no longer changes: named once, and what all people's conversations begin with read once.

Enters: a network. Leaves: the same, frozen; its fingerprint; the keys and values of [P_v ; bos]; what a history adds
to them. Does not know: prints, files of them, scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor

from tasteprint.incontext.network import AnswerLogits, PreferenceNetwork, ReadBefore
from tasteprint.incontext.packing import Row, collate, pack
from tasteprint.incontext.past import PassCost, Past
from tasteprint.provenance import fingerprint
from tasteprint.types import History

if TYPE_CHECKING:
    from tasteprint.types import OpenImage


class FrozenNetwork:
    """A `PreferenceNetwork` in evaluation mode whose weights have no gradients and are not to be changed.

    To train on, take the network inside; afterwards make a model of it anew.
    """

    def __init__(self, network: PreferenceNetwork) -> None:
        """Freeze a network."""
        self.network = network.eval().requires_grad_(False)

    @cached_property
    def fingerprint(self) -> str:
        """Name of the weights, 64 hex digits; computed when first asked for."""
        return fingerprint(self.network)

    @property
    def template(self) -> str:
        """Name of the conversation's template."""
        return self.network.encoder.template.name

    @cached_property
    @torch.no_grad()
    def beginning(self) -> Float[Tensor, "layers 2 heads places width"]:
        """Keys and values of [P_v ; bos], which every conversation begins with."""
        text: Any = self.network.backbone.network.config.text_config
        width = text.head_dim or text.hidden_size // text.num_attention_heads
        nothing = torch.zeros(text.num_hidden_layers, 2, 1, text.num_key_value_heads, 0, width)
        nothing = nothing.to(self.network.device, self.network.backbone.network.dtype)
        begin = pack(History(""), [], self.network.encoder, len(self.network.tokens))
        return self.read_on(nothing, [0], [begin]).keys_after(0)[:, :, 0] if begin.ids else nothing[:, :, 0]

    def nobody(self) -> Past:
        """What was read of a person who said nothing yet."""
        return Past(self.beginning, self.beginning[..., :0, :])

    def read_on(
        self,
        keys: Float[Tensor, "layers 2 b heads past width"],
        lengths: Sequence[int],
        rows: Sequence[Row],
        features: Float[Tensor, "u k d"] | None = None,
    ) -> AnswerLogits:
        """Read each row after its own past (see `ReadBefore`).

        `features` are the visual tokens of the rows' distinct images, in order of their first appearance.
        """
        batch, _ = collate(rows, self.network.pad_id)
        batch = {name: value.to(self.network.device) for name, value in batch.items()}
        return self.network(**batch, image_features=features, past=ReadBefore(keys, lengths))

    def read_history(self, past: Past, before: int, longer: History, open_image: OpenImage) -> Past:
        """Read on to a longer history, of whose votes the first `before` are in `past`."""
        network = self.network
        whole = pack(longer, [], network.encoder, len(network.tokens))
        row = Row(whole.ids[past.length :], whole.segments[past.length :], whole.positions[past.length :])
        row.images = whole.images[2 * before :]
        features = self._tokens_of(list(dict.fromkeys(row.images)), open_image)
        out = self.read_on(past.keys[:, :, None], [past.length], [row], features)
        return Past(past.shared, out.keys_after(past.shared.shape[-2])[:, :, 0])

    def _tokens_of(self, names: Sequence[str], open_image: OpenImage) -> Float[Tensor, "u k d"]:
        at_once = PassCost(self.network.backbone).images_at_once
        chunks = (names[start : start + at_once] for start in range(0, len(names), at_once))
        pixels = (self.network.pixels([open_image(name) for name in chunk]) for chunk in chunks)
        tokens = [self.network.backbone.image_features(some.to(self.network.device)) for some in pixels]
        return torch.cat(tokens)
