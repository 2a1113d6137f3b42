"""The bundled generator's parts, untrained, and which noise belongs to which picture.

Enters: prompts to fit a tokenizer to; labels of pictures. Leaves: a `StableDiffusionPipeline` of diffusers' own
classes, small; noise, standard normal over all pictures. Does not know: how it is trained, pixels.

In place of a diffusion teacher's pairs: the mean of the noise over a cell of 4 x 4 places of one channel is a direction
of it, nine a channel, at the places of the network's smallest grid. Each dimension has as many directions as values,
and the value whose direction is largest is the picture's. So the noise of a picture is drawn from the normal
distribution given its values, and over all pictures it is the normal distribution. Between noise and the corners of
the simplex that values are, this is the optimal transport: each goes to the nearest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import torch
from diffusers import AutoencoderTiny, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from jaxtyping import Float, Int
from tokenizers import pre_tokenizers, trainers
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, one_hot
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from tasteprint.simulate.taxonomy import DIMENSIONS

BEGIN, END = "<|startoftext|>", "<|endoftext|>"
TOKENS = 24
WIDTH = 64
LAST = 999
"""The one time step: pure noise."""


def pipeline(prompts: Iterable[str]) -> StableDiffusionPipeline:
    """Build the pipeline of a one-step model that predicts the image itself, with random weights."""
    tokenizer = clip_tokenizer(prompts)
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer), hidden_size=WIDTH, intermediate_size=2 * WIDTH, num_hidden_layers=2,
            num_attention_heads=2, max_position_embeddings=TOKENS, bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
        )
    )  # fmt: skip
    return StableDiffusionPipeline(
        vae=autoencoder(), text_encoder=text, tokenizer=tokenizer, unet=unet(), scheduler=scheduler(),
        safety_checker=None, feature_extractor=None, image_encoder=None, requires_safety_checker=False,
    )  # fmt: skip


def autoencoder() -> AutoencoderTiny:
    """48 x 48 pixels to 16 x 12 x 12 numbers and back."""
    return AutoencoderTiny(
        encoder_block_out_channels=(32, 32, 32), num_encoder_blocks=(1, 2, 2),
        decoder_block_out_channels=(32, 32, 32), num_decoder_blocks=(2, 2, 1), latent_channels=16,
    )  # fmt: skip


def unet() -> UNet2DConditionModel:
    """Noise to latents, at 12, 6 and 3 places a side."""
    return UNet2DConditionModel(
        sample_size=12, in_channels=16, out_channels=16, block_out_channels=(64, 96, 128), layers_per_block=1,
        cross_attention_dim=WIDTH, attention_head_dim=4, norm_num_groups=16,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    )  # fmt: skip


def scheduler() -> DDIMScheduler:
    """One step from the last time step; what the network gives is the image."""
    return DDIMScheduler(
        prediction_type="sample", timestep_spacing="trailing", clip_sample=False, steps_offset=1
    )


def clip_tokenizer(prompts: Iterable[str]) -> CLIPTokenizer:
    """CLIP's tokenizer over bytes, with merges learned from the prompts; any text can be said."""
    learned = CLIPTokenizer(vocab=_alphabet(), merges=[]).backend_tokenizer
    trainer = trainers.BpeTrainer(
        vocab_size=1000, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), end_of_word_suffix="</w>",
        show_progress=False,
    )  # fmt: skip
    learned.train_from_iterator(sorted(set(prompts)), trainer)
    merges = [tuple(pair) for pair in json.loads(learned.to_str())["model"]["merges"]]
    vocabulary = _alphabet()
    for first, second in merges:
        vocabulary.setdefault(first + second, len(vocabulary))
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=TOKENS)  # type: ignore[arg-type]


def _alphabet() -> dict[str, int]:
    """Every byte within a word and at its end, as in CLIP's own vocabulary."""
    single = sorted(pre_tokenizers.ByteLevel.alphabet())
    return {token: n for n, token in enumerate([BEGIN, END, *single, *(f"{one}</w>" for one in single)])}


CHANNELS, SIDE, CELL = 16, 12, 4
CELLS = SIDE // CELL
SIZES = tuple(len(values) for values in DIMENSIONS.values())
DECIDING = -(-sum(SIZES) // CELLS**2)
"""So many channels say which picture it is; the rest is free."""

CLEAR, UNCLEAR = 1.5, -0.5
"""What clear noise is at the cells of a picture's values, and at the others."""


def directions(noise: Float[Tensor, "n 16 12 12"]) -> Float[Tensor, "n 28"]:
    """What the noise says of each value; standard normal and independent for normal noise."""
    return CELL * avg_pool2d(noise[:, :DECIDING], CELL).flatten(1)[:, : sum(SIZES)]


def values_of(noise: Float[Tensor, "n 16 12 12"]) -> Int[Tensor, "n dimensions"]:
    """The value of each dimension that the noise decides."""
    return torch.stack([part.argmax(1) for part in directions(noise).split(SIZES, dim=1)], dim=1)


def noise_for(
    labels: Int[Tensor, "n dimensions"], draw: torch.Generator, clear: float = 0.0
) -> Float[Tensor, "n 16 12 12"]:
    """Draw noise for pictures of these values: `values_of` gives the labels back.

    With `clear` above 0, up to 1, the values stand out more and more from less and less noise: for the first lessons.
    """
    noise = torch.randn(len(labels), CHANNELS, SIDE, SIDE, generator=draw)
    values = directions(noise)
    wanted = [_largest_at(part, labels[:, i]) for i, part in enumerate(values.split(SIZES, dim=1))]
    noise[:, :DECIDING] += _spread((torch.cat(wanted, dim=1) - values) / CELL)
    code = torch.cat([one_hot(labels[:, i], size) for i, size in enumerate(SIZES)], dim=1)
    noise *= 1 - clear
    noise[:, :DECIDING] += clear * _spread(UNCLEAR + (CLEAR - UNCLEAR) * code)
    return noise


def _spread(values: Float[Tensor, "n 28"]) -> Float[Tensor, "n deciding 12 12"]:
    """Each value all over its cell."""
    whole = torch.nn.functional.pad(values, (0, DECIDING * CELLS**2 - values.shape[1]))
    return interpolate(whole.unflatten(1, (DECIDING, CELLS, CELLS)), scale_factor=float(CELL))


def _largest_at(part: Float[Tensor, "n values"], label: Int[Tensor, " n"]) -> Float[Tensor, "n values"]:
    """Let the largest number and the one at the label change places."""
    rows, top, moved = torch.arange(len(part)), part.argmax(1), part.clone()
    moved[rows, top], moved[rows, label] = part[rows, label], part[rows, top]
    return moved
