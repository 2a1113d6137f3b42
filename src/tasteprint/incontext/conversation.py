"""THE conversation: a person's votes as text and as token ids for a multimodal model (method.md section 3).

Enters: prompts and answers; a backbone's processor. Leaves: text with one `<image>` an image, and the ids of each turn,
which are those it has inside the whole conversation. Does not know: pixels, users. Training, evaluation, guidance and
serving all speak through here, so that they cannot differ.

Tokenizing turn by turn is what lets many targets share one history; it gives the ids of the whole text because every
turn but the first follows the special token that ends the last one, and tokenizers restart there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

END = "<end_of_utterance>"
IMAGE = "<image>"
SIGNS = {True: "+", False: "-"}


@dataclass(frozen=True, slots=True)
class Template:
    """The fixed phrases around a prompt, and where a long prompt is cut.

    `tail` follows the last `Assistant:`; the answer token is read after it. `cut` says what the limit on a
    prompt counts, or that there is none; `one_line`, whether a prompt's white space becomes single spaces before.
    """

    name: str
    question: str
    tail: str = ""
    cut: Literal["tokens", "characters", "nowhere"] = "tokens"
    one_line: bool = True

    def ask(self, prompt: str) -> str:
        """Say one image and its prompt; the model's answer comes next."""
        return f"User:{IMAGE}{self.question.format(prompt=prompt)}{END}\nAssistant:"

    def answer(self, liked: bool) -> str:
        """Say what the person thought of the image just shown."""
        return f" {SIGNS[liked]}{END}\n"


_WITH_PROMPT = "The prompt is '{prompt}' Score for this image?"
_WITHOUT = "Score for this image?"
TEMPLATES = {
    template.name: template
    for template in (
        Template("default", _WITH_PROMPT),
        Template("lup", _WITH_PROMPT, cut="characters", one_line=False),  # LUP in training
        Template("lup-eval", _WITH_PROMPT, tail=" ", cut="nowhere", one_line=False),  # its eval.py
        Template("viper", _WITHOUT, tail=" "),  # ViPer's metric.py
        Template("no-prompt", _WITHOUT),  # ViPer, and LUP without prompts, in training
    )
}


def template_named(name: str) -> Template:
    """Look a template up. ValueError for a name that is not one."""
    if name not in TEMPLATES:
        raise ValueError(f"template {name!r} is not known; expected one of {', '.join(TEMPLATES)}.")
    return TEMPLATES[name]


def conversation(template: Template, history: Iterable[tuple[str, bool]], target: str) -> str:
    """Write out a whole conversation: (prompt, liked) an image of the history, then the target's prompt.

    The model never sees this text in one piece (see `TurnEncoder`); it is the golden form to compare with.
    """
    told = "".join(template.ask(prompt) + template.answer(liked) for prompt, liked in history)
    return told + template.ask(target) + template.tail


def harmless(prompt: str | None, special_tokens: Sequence[str], one_line: bool = True) -> str:
    """Make a prompt unable to forge a turn: no special token of the tokenizer in it, and one line if asked.

    A special token is broken by a space after its first character, so a person still reads what was written. Of None
    comes an empty prompt; of bytes that were no UTF-8, question marks.
    """
    prompt = (prompt or "").encode("utf-8", "replace").decode()
    if one_line:
        prompt = re.sub(r"[\s\x00-\x1f\x7f]+", " ", prompt).strip()
    for token in special_tokens:
        if len(token) > 1:
            prompt = prompt.replace(token, f"{token[0]} {token[1:]}")
    return prompt


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

    def context(self, prompt: str, liked: bool, first: bool) -> tuple[int, ...]:
        """Encode an image of the history with its answer; the answer is the last id but one."""
        return self.ids(
            self.template.ask(self.fitting(prompt)) + self.template.answer(liked).rstrip("\n"), first
        )

    def target(self, prompt: str, first: bool) -> tuple[int, ...]:
        """Encode a target; its answer would be the next id."""
        return self.ids(self.template.ask(self.fitting(prompt)) + self.template.tail, first)

    def fitting(self, prompt: str) -> str:
        """Make a prompt harmless and cut it to the template's limit (P appendix D: 100 tokens)."""
        if self.template.cut == "characters":
            prompt = prompt[: self.prompt_limit]
        prompt = harmless(prompt, self._specials, self.template.one_line)
        if self.template.cut != "tokens":
            return prompt
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
