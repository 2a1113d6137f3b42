"""What a generated picture was asked to be: the prompt that AUTOMATIC1111 and ComfyUI write into a PNG's text.

Enters: a picture's path. Leaves: its prompt, or "". Does not know: libraries, pixels.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tasteprint.data.png_chunks import text_chunks
from tasteprint.data.signatures import File

MOST = 1 << 20
"""Bytes of a text that is read; a longer one is passed over without being read."""

MOST_NODES = 2_000
"""Of a workflow: some have hundreds."""

NEGATIVE, SETTINGS = "Negative prompt:", "Steps: "
"""What the lines of AUTOMATIC1111's `parameters` after the prompt begin with."""

TEXTS = ("text", "text_g", "t5xxl", "clip_l", "prompt", "string", "value")
TOWARDS = ("positive", "guider", "conditioning", "conditioning_1", "conditioning_to", *TEXTS)
"""Inputs of ComfyUI's nodes that hold the text, and those that lead to it from a sampler."""


def prompt_of(path: Path) -> str:
    """Give the prompt of a PNG; "" where there is none, it is too long, or the file is another or cannot be read."""
    if path.suffix.lower() not in (".png", ".apng"):
        return ""
    try:
        with path.open("rb") as file:
            texts = dict(_texts(file)) if file.read(8) == b"\x89PNG\r\n\x1a\n" else {}
    except OSError:  # it is told where it cannot be looked at
        return ""
    parameters, nodes = texts.get("parameters", ""), texts.get("prompt", "")
    return _shown(_before_settings(parameters) if parameters else _of_nodes(nodes))


def _texts(file: File) -> Iterator[tuple[str, str]]:
    for kind, start, end in text_chunks(file):
        file.seek(start + 8)
        if kind == b"iCCP" or end - start - 12 > MOST:
            continue
        keyword, _, rest = file.read(end - start - 12).partition(b"\0")
        if keyword in (b"parameters", b"prompt"):
            yield keyword.decode(), _text(kind, rest)


def _text(kind: bytes, data: bytes) -> str:
    """The text of a chunk after its keyword: Latin-1 (tEXt), compressed (zTXt), or UTF-8 after three more fields."""
    if kind == b"tEXt":
        return data.decode("latin-1")
    if kind == b"zTXt":
        return _unpacked(data[1:]).decode("latin-1")
    *_, text = data[2:].split(b"\0", 2)
    return (_unpacked(text) if data[:1] == b"\1" else text).decode("utf-8", "replace")


def _unpacked(data: bytes) -> bytes:
    unpacking = zlib.decompressobj()
    try:
        text = unpacking.decompress(data, MOST)
    except zlib.error:
        return b""
    return b"" if unpacking.unconsumed_tail else text


def _before_settings(parameters: str) -> str:
    lines = parameters.splitlines()
    ends = (place for place, line in enumerate(lines) if line.startswith((NEGATIVE, SETTINGS)))
    return "\n".join(lines[: next(ends, len(lines))])


def _of_nodes(text: str) -> str:
    """The text that leads into the positive side of the last sampler; or the only text that there is."""
    try:
        nodes = json.loads(text) if text else {}
    except (ValueError, RecursionError):  # no JSON, or one too deep to be ComfyUI's
        return ""
    if not isinstance(nodes, dict) or len(nodes) > MOST_NODES:
        return ""
    samplers = [key for key, node in nodes.items() if "Sampler" in _class(node)]
    found = (_leading(nodes, key, set()) for key in reversed(samplers))
    encoders = {_leading(nodes, key, set()) for key, node in nodes.items() if "TextEncode" in _class(node)}
    return next(filter(None, found), encoders.pop() if len(encoders) == 1 else "")


def _leading(nodes: Mapping[str, Any], key: str, seen: set[str]) -> str:
    """Follow links of inputs to a text, each node once."""
    waiting = [key]
    while waiting:
        key = waiting.pop()
        if key in seen or not isinstance(nodes.get(key), dict):
            continue
        seen.add(key)
        inputs = nodes[key].get("inputs")
        given = [inputs[name] for name in TOWARDS if name in inputs] if isinstance(inputs, dict) else []
        texts = [value for value in given if isinstance(value, str) and value.strip()]
        if texts and "Sampler" not in _class(nodes[key]):
            return texts[0]
        waiting += [str(value[0]) for value in reversed(given) if isinstance(value, list) and value]
    return ""


def _class(node: object) -> str:
    return str(node.get("class_type", "")) if isinstance(node, dict) else ""


def _shown(prompt: str) -> str:
    """Without what no prompt holds and a table's reader may stumble over."""
    kept = (letter for letter in prompt.strip() if letter.isprintable() or letter in "\n\t")
    return "".join(kept).encode("utf-8", "replace").decode()
