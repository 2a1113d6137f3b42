"""The bundled generator's parts, untrained: diffusers' own classes, small.

Enters: prompts to fit a tokenizer to. Leaves: a `StableDiffusionPipeline`. Does not know: how it is taught.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from diffusers import AutoencoderTiny, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from tokenizers import pre_tokenizers, trainers
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

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
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=TOKENS)


def _alphabet() -> dict[str, int]:
    """Every byte within a word and at its end, as in CLIP's own vocabulary."""
    single = sorted(pre_tokenizers.ByteLevel.alphabet())
    return {token: n for n, token in enumerate([BEGIN, END, *single, *(f"{one}</w>" for one in single)])}
