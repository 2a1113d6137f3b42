"""THE conversation: how a person's votes are said to a multimodal model (method.md section 3).

Enters: prompts and answers. Leaves: text with one `<image>` an image. Does not know: tokenizers, pixels, users.
Training, evaluation, guidance and serving all speak through here, so that they cannot differ.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

END = "<end_of_utterance>"
IMAGE = "<image>"
SIGNS = {True: "+", False: "-"}


@dataclass(frozen=True, slots=True)
class Template:
    """The fixed phrases around a prompt, and where a long prompt is cut.

    `tail` follows the last `Assistant:`; the answer token is read after it. `cut` says what the limit on a
    prompt counts.
    """

    name: str
    question: str
    tail: str = ""
    cut: Literal["tokens", "characters"] = "tokens"

    def ask(self, prompt: str) -> str:
        """Say one image and its prompt; the model's answer comes next."""
        return f"User:{IMAGE}{self.question.format(prompt=prompt)}{END}\nAssistant:"

    def answer(self, liked: bool) -> str:
        """Say what the person thought of the image just shown."""
        return f" {SIGNS[liked]}{END}\n"


_WITH_PROMPT = "The prompt is '{prompt}' Score for this image?"
TEMPLATES = {
    template.name: template
    for template in (
        Template("default", _WITH_PROMPT),
        Template("lup", _WITH_PROMPT, cut="characters"),
        Template("lup-eval", _WITH_PROMPT, tail=" ", cut="characters"),
        Template("viper", "Score for this image?", tail=" "),
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


def harmless(prompt: str, special_tokens: Sequence[str]) -> str:
    """Make a prompt unable to forge a turn: one line, and no special token of the tokenizer in it.

    A special token is broken by a space after its first character, so a person still reads what was written.
    """
    prompt = re.sub(r"[\s\x00-\x1f\x7f]+", " ", prompt).strip()
    for token in special_tokens:
        if len(token) > 1:
            prompt = prompt.replace(token, f"{token[0]} {token[1:]}")
    return prompt
