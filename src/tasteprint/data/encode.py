"""Turns of the conversation to token ids, each the ids it has inside the whole conversation.

Enters: a processor of the backbone and a template. Leaves: tuples of ids, remembered. Does not know: pixels.
Tokenizing turn by turn is what lets many targets share one history; it gives the ids of the whole text because
every turn but the first follows the special token that ends the last one, and tokenizers restart there.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from tasteprint.data.template import END, SIGNS, Template, harmless


class TurnEncoder:
    """Encodes turns for one backbone. `plus` and `minus` are the ids of the two answer tokens."""

    def __init__(self, processor: Any, template: Template, prompt_limit: int = 100) -> None:
        """Ask the tokenizer for the answer ids; ValueError where `+` or `-` is not exactly one token."""
        self.processor = processor
        self.template = template
        self.prompt_limit = prompt_limit
        self._specials = sorted(processor.tokenizer.get_added_vocab(), key=len, reverse=True)
        self.begin = () if processor.tokenizer.bos_token_id is None else (processor.tokenizer.bos_token_id,)
        self.ids = lru_cache(maxsize=100_000)(self._ids)
        self.minus, self.plus = (self._answer_id(liked) for liked in (False, True))

    def told(self, prompt: str, liked: bool, first: bool) -> tuple[int, ...]:
        """Encode an image of the history with its answer; the answer is the last id but one."""
        return self.ids(
            self.template.ask(self.fitting(prompt)) + self.template.answer(liked).rstrip("\n"), first
        )

    def asked(self, prompt: str, first: bool) -> tuple[int, ...]:
        """Encode a target; its answer would be the next id."""
        return self.ids(self.template.ask(self.fitting(prompt)) + self.template.tail, first)

    def fitting(self, prompt: str) -> str:
        """Make a prompt harmless and cut it to the template's limit (P appendix D: 100 tokens)."""
        prompt = harmless(prompt, self._specials)
        if self.template.cut == "characters":
            return prompt[: self.prompt_limit]
        offsets = self.processor.tokenizer(
            prompt, add_special_tokens=False, return_offsets_mapping=True
        ).offset_mapping
        # The start of the first token that is too many: a character of several tokens is never halved.
        return prompt if len(offsets) <= self.prompt_limit else prompt[: offsets[self.prompt_limit][0]]

    def _ids(self, text: str, first: bool) -> tuple[int, ...]:
        if first:
            return tuple(self._tokenize(text))
        return tuple(self._tokenize(f"{END}\n{text}")[1:])

    def _tokenize(self, text: str) -> list[int]:
        return self.processor(text=[text], add_special_tokens=False)["input_ids"][0]

    def _answer_id(self, liked: bool) -> int:
        asked = self._tokenize(f"{END}\nAssistant:")
        told = self._tokenize(f"{END}\nAssistant:{self.template.answer(liked).rstrip()}")
        if told[: len(asked)] != asked or len(told) != len(asked) + 2:
            raise ValueError(
                f"the answer {SIGNS[liked]!r} is {len(told) - len(asked) - 1} tokens after 'Assistant:'; expected "
                "exactly one: use a tokenizer that keeps ' +' and ' -' whole."
            )
        return told[-2]
