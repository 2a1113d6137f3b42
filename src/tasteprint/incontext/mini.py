"""The embedded default: a small Idefics2 and a byte-level tokenizer of its own, both built here from nothing.

Enters: captions to fit the tokenizer to. Leaves: transformers' own model and processor objects.
Does not know: votes, preference tokens, training. Everything after these two objects is the path of the 8B model.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import Idefics2ForConditionalGeneration, Idefics2Processor, TokenizersBackend

from tasteprint.incontext.conversation import END, IMAGE, TEMPLATES, conversation
from tasteprint.vision.eye import IMAGE_SIZE, VISUAL_TOKENS, eye_config, eye_processor

FAKE = "<fake_token_around_image>"
BEGIN, STOP, PAD = "<s>", "</s>", "<pad>"
VOCABULARY = 1024
FITTED = ("default", "lup", "lup-eval", "viper")
"""The templates whose phrases the tokenizer is fitted to; "no-prompt" has those of "viper"."""

# The template's phrases are words of their own, so that each becomes one token; the rest is split like GPT-2's.
_PHRASES = (
    r"\n?User:|\nAssistant:| [+-](?= ?$)| ?The prompt is '|' Score for this image\?| ?Score for this image\?"
)
_WORDS = r" ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+"


def mini_processor(captions: Iterable[str] = (), image_size: int = IMAGE_SIZE) -> Idefics2Processor:
    """Make the processor: the eye's for pictures, and a byte-level BPE of at most 1,024 tokens.

    The BPE is trained on the template and the captions; bytes stand for all other text, so nothing is unknown.
    """
    tokenizer = TokenizersBackend(
        tokenizer_object=_byte_level_bpe(captions),
        bos_token=BEGIN,
        eos_token=STOP,
        pad_token=PAD,
        padding_side="left",
    )
    return Idefics2Processor(eye_processor(image_size), tokenizer, image_seq_len=VISUAL_TOKENS)


def mini_model(processor: Idefics2Processor) -> Idefics2ForConditionalGeneration:
    """Make the model, about 1.9 M parameters, with random weights from torch's current seed."""
    tokenizer = processor.tokenizer
    text = {
        "num_hidden_layers": 6, "num_attention_heads": 4, "num_key_value_heads": 4, "head_dim": 32,
        "vocab_size": len(tokenizer), "initializer_range": 0.08, "max_position_embeddings": 4096,
        "sliding_window": None, "pad_token_id": tokenizer.pad_token_id, "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }  # fmt: skip
    config = eye_config(
        processor.image_processor.size["longest_edge"],
        text=text,
        image_token_id=tokenizer.convert_tokens_to_ids(IMAGE),
        tie_word_embeddings=False,
    )
    network = Idefics2ForConditionalGeneration(config)
    # transformers starts all latents at 1: equal queries would stay equal and every visual token be the same.
    torch.nn.init.normal_(network.model.connector.perceiver_resampler.latents)
    return network


def _byte_level_bpe(captions: Iterable[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(f"{_PHRASES}|{_WORDS}"), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    special = [
        AddedToken(token, special=True, normalized=False) for token in (BEGIN, STOP, PAD, FAKE, IMAGE, END)
    ]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_corpus(captions), trainer)
    return tokenizer


def _corpus(captions: Iterable[str]) -> Iterable[str]:
    """Every phrase as often as is needed to be merged whole, each between special tokens as it is when used."""
    texts = sorted(set(captions)) or ["a picture"]
    for template in (TEMPLATES[name] for name in FITTED):
        for text in [*texts, *texts[:1] * 64]:
            whole = conversation(template, [(text, True), (text, False)], text)
            whole = whole.replace(IMAGE, f"{FAKE} ")
            for special in (END, FAKE):
                whole = whole.replace(special, "\x00")
            yield from (piece for piece in whole.split("\x00") if piece)
