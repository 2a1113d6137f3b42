"""What the preference model needs of a multimodal model, one adapter a family, by transformers' own classes.

Enters: a built network and its processor. Leaves: features of images, hidden states, answer logits; an attention that
is quicker past a long history, registered with transformers as `PAST_APART`.
Does not know: where networks come from, votes, templates, preference tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, Idefics2ForConditionalGeneration
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from tasteprint.vision.idefics2 import VisionPart, visual_tokens

PAST_APART = "past_apart"
"""The name of `past_apart` with transformers."""


def past_apart(
    module: nn.Module,
    query: Float[Tensor, "b h s w"],
    key: Float[Tensor, "b k t w"],
    value: Float[Tensor, "b k t w"],
    attention_mask: Tensor | None,
    **options: Any,
) -> tuple[Float[Tensor, "b s h w"], None]:
    """Attend as SDPA does; where heads share keys and a gradient is wanted after a longer past, past and new apart.

    A print is made without gradients, so none is sent back to its keys and values; SDPA computes them all the
    same, and copies the keys once for each head that shares them: a sixth of a guidance step on two cores. Where
    none are shared, as in `mini`, SDPA is the faster one, by up to a tenth. Its kernels on a GPU are left alone.
    """
    past = key.shape[2] - query.shape[2]
    wanted = query.requires_grad and query.device.type == "cpu" and key.shape[1] < query.shape[1]
    if attention_mask is None or not wanted or past < query.shape[2]:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    grouped = query.unflatten(1, (key.shape[1], -1)).flatten(2, 3) * options["scaling"]  # (b, k, h/k * s, w)
    (old_keys, new_keys), (old_values, new_values) = (_apart(part, past) for part in (key, value))
    scores = torch.cat([grouped @ old_keys.mT, grouped @ new_keys.mT], dim=-1)
    scores = scores.unflatten(2, (-1, query.shape[2])) + attention_mask[:, :, None]
    shares = scores.softmax(dim=-1).flatten(2, 3)
    out = shares[..., :past] @ old_values + shares[..., past:] @ new_values
    return out.unflatten(2, (-1, query.shape[2])).flatten(1, 2).transpose(1, 2).contiguous(), None


def _apart(part: Tensor, past: int) -> tuple[Tensor, Tensor]:
    return part[:, :, :past].detach(), part[:, :, past:]


AttentionInterface.register(PAST_APART, past_apart)
AttentionMaskInterface.register(PAST_APART, sdpa_mask)


class Idefics2Backbone(nn.Module):
    """Idefics2 as the preference model sees it. Attention always goes through the masks given to `hidden_states`."""

    def __init__(self, network: Idefics2ForConditionalGeneration, processor: Any, base: str = "") -> None:
        """Hold a built network and its processor; `base` names the weights that an adapter is learned on."""
        super().__init__()
        self.base = base
        processor.image_processor.do_image_splitting = False
        network.model.text_model.config._attn_implementation = PAST_APART
        self.network = network
        self.processor = processor

    @property
    def language_config(self) -> Any:
        """Settings of the language model, as transformers holds them."""
        return self.network.config.text_config

    @property
    def width(self) -> int:
        """Width of the language model's embedding space (`d`)."""
        return self.language_config.hidden_size

    @property
    def depth(self) -> int:
        """Number of the language model's layers."""
        return self.language_config.num_hidden_layers

    @property
    def window(self) -> int:
        """Longest sequence that the language model was made for, in tokens."""
        text = self.language_config
        return min(text.max_position_embeddings, text.sliding_window or text.max_position_embeddings)

    @property
    def vision(self) -> list[nn.Module]:
        """The parts that see: P trains them, LUP freezes them."""
        return [self.network.model.vision_model, self.network.model.connector]

    def image_features(self, pixels: Float[Tensor, "n channels h w"]) -> Float[Tensor, "n k d"]:
        """Give the `k` visual tokens of each image from normalised pixels."""
        seen = self.network.model
        return visual_tokens(seen.vision_model, seen.connector, pixels)

    def vision_part(self, image_size: int) -> VisionPart:
        """What sees, as a thing of its own; the modules stay this backbone's."""
        seen, processor = self.network.model, self.processor
        return VisionPart(
            seen.vision_model,
            seen.connector,
            processor.image_processor,
            image_size,
            processor.image_seq_len,
            self.width,
        )

    def embed(
        self, ids: Int[Tensor, "b s"], images: Float[Tensor, "m k d"] | None = None
    ) -> Float[Tensor, "b s d"]:
        """Embed text, with the visual tokens of each image, in order, where its `<image>` tokens stand."""
        embedded = self.network.get_input_embeddings()(ids)
        if images is None or not len(images):
            return embedded
        return self.network.model.inputs_merger(ids, embedded, images.flatten(0, 1))

    def hidden_states(
        self,
        embedded: Float[Tensor, "b s d"],
        mask: Float[Tensor, "b 1 s t"],
        positions: Int[Tensor, "b s"],
        cache: Any = None,
        layers: Sequence[int] = (),
    ) -> list[Float[Tensor, "b s d"]]:
        """Run the language model; give its last hidden state, then those after the layers asked for (1 is the first).

        `mask` is added to attention scores; a cache holds keys and values and grows in place. ValueError for a layer
        that there is not.
        """
        if wrong := [layer for layer in layers if not 0 < layer <= self.depth]:
            raise ValueError(
                f"layer {wrong[0]} was asked for; expected 1 to {self.depth}, the backbone's depth."
            )
        out = self.network.model.text_model(
            inputs_embeds=embedded,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=cache is not None,
            output_hidden_states=bool(layers),
        )
        return [out.last_hidden_state, *(out.hidden_states[layer] for layer in layers)]

    def logits(self, hidden: Float[Tensor, "n d"]) -> Float[Tensor, "n v"]:
        """Give next-token logits at the places that are read, and only there, in the precision of the weights.

        Half precision, which autocast would take, has too few digits for the differences that are asked of them.
        """
        head = self.network.lm_head
        with torch.autocast(hidden.device.type, enabled=False):
            return head(hidden.to(head.weight.dtype))
