"""Prompts in a PNG's text as AUTOMATIC1111 and ComfyUI write them, and texts that are too large to be prompts."""

import json
import struct
import tracemalloc
import zlib

import pytest
from PIL import PngImagePlugin

from tasteprint.likes.kinds import read_likes
from tasteprint.likes.prompts import MOST, prompt_of
from tests.photo_libraries import packet, picture

PARAMETERS = (
    "a fish, (red:1.2)\nSteps to heaven\nNegative prompt: boat\nSteps: 20, Sampler: Euler a, CFG scale: 7"
)


def generated(path, how="add_text", **texts):
    info = PngImagePlugin.PngInfo()
    for name, text in texts.items():
        getattr(info, how)(name, text)
    return picture(path, pnginfo=info)


def sampled(**inputs):
    return {"class_type": "KSampler", "inputs": {"seed": 1, **inputs}}


def encoded(text):
    return {"class_type": "CLIPTextEncode", "inputs": {"text": text, "clip": ["1", 1]}}


@pytest.mark.parametrize(
    ("parameters", "prompt"),
    [
        (PARAMETERS, "a fish, (red:1.2)\nSteps to heaven"),
        ("a fish\nSteps: 20, Seed: 1", "a fish"),
        ("a fish", "a fish"),
        ("Größe 🦄\nSteps: 1", "Größe 🦄"),
        ("Steps: 20", ""),
        ("a\x1b[31m fish\nSteps: 20", "a[31m fish"),
    ],
)
def test_parameters(tmp_path, parameters, prompt):
    for how in ("add_text", "add_itxt"):
        assert prompt_of(generated(tmp_path / "a.png", how, parameters=parameters)) == prompt
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", parameters, zip=True)
    assert prompt_of(picture(tmp_path / "a.png", pnginfo=info)) == prompt


@pytest.mark.parametrize(
    ("nodes", "prompt"),
    [
        ({"3": sampled(positive=["6", 0], negative=["7", 0]), "6": encoded("a fish"), "7": encoded("boat")}, "a fish"),
        ({"6": encoded("a fish"), "9": {"class_type": "SaveImage", "inputs": {}}}, "a fish"),
        ({"6": encoded("a fish"), "7": encoded("boat")}, ""),  # nothing says which
        ({"3": sampled(positive=["5", 0]), "5": {"class_type": "ControlNetApply", "inputs": {"conditioning": ["6", 0]}},
          "6": encoded(["8", 0]), "8": {"class_type": "PrimitiveString", "inputs": {"value": "a fish"}},
          "7": encoded("boat")}, "a fish"),
        ({"3": {"class_type": "SamplerCustomAdvanced", "inputs": {"guider": ["4", 0]}},
          "4": {"class_type": "BasicGuider", "inputs": {"conditioning": ["6", 0]}}, "6": encoded("a fish"),
          "7": encoded("boat")}, "a fish"),
        ({"3": sampled(positive=["3", 0])}, ""),  # a circle
        ({"3": sampled(positive=["gone", 0]), "4": 7, "5": {"inputs": []}}, ""),
        ([1, 2], ""),
    ],
)  # fmt: skip
def test_nodes(tmp_path, nodes, prompt):
    assert prompt_of(generated(tmp_path / "a.png", prompt=json.dumps(nodes), workflow="{}")) == prompt


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_texts(path, *chunks):
    whole = picture(path).read_bytes()
    path.write_bytes(whole[:33] + b"".join(chunks) + whole[33:])  # after the header
    return path


def test_a_text_of_a_hundred_megabytes_is_not_read(tmp_path):
    large = picture(tmp_path / "a.png")
    head = large.read_bytes()[:33]
    with large.open("wb") as file:
        file.write(head + struct.pack(">I", 100_000_000) + b"tEXtparameters\0")
        file.truncate(33 + 12 + 100_000_000)  # mostly a hole, which takes no room
        file.seek(0, 2)
        file.write(chunk(b"tEXt", b"parameters\0a fish\nSteps: 1"))
    tracemalloc.start()
    assert prompt_of(large) == "a fish"
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000
    bomb = zlib.compress(bytes(MOST + 1))
    for packed in (chunk(b"zTXt", b"parameters\0\0" + bomb), chunk(b"iTXt", b"parameters\0\1\0\0\0" + bomb)):
        assert prompt_of(with_texts(tmp_path / "b.png", packed)) == ""


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x89PNG\r\n\x1a\n",
        b"\x89PNG\r\n\x1a\n\xff\xff\xff\xfftEXtparameters\0a",
        b"\xff\xd8\xff",
        b"tEXt" * 99,
    ],
)
def test_what_is_no_png_has_no_prompt(tmp_path, data):
    (tmp_path / "a.png").write_bytes(data)
    assert prompt_of(tmp_path / "a.png") in ("", "a") and prompt_of(tmp_path / "none.png") == ""
    (tmp_path / "a.jpg").write_bytes(data)
    assert prompt_of(tmp_path / "a.jpg") == ""


@pytest.mark.parametrize(
    "prompt",
    [
        "[" * 100_000,
        json.dumps({str(n): encoded([str(n + 1), 0]) for n in range(3000)}),
        '{"3": ',
        "9" * 5000,
        "NaN",
    ],
)
def test_hostile_nodes_have_no_prompt(tmp_path, prompt):
    assert prompt_of(generated(tmp_path / "a.png", prompt=prompt)) == ""
    assert (
        prompt_of(with_texts(tmp_path / "b.png", chunk(b"iTXt", b"prompt\0"), chunk(b"zTXt", b"prompt\0")))
        == ""
    )


def test_a_rated_picture_brings_its_prompt(tmp_path):
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", PARAMETERS)
    info.add_itxt("XML:com.adobe.xmp", packet('xmp:Rating="4"').decode())
    picture(tmp_path / "a.png", pnginfo=info)
    (one,) = read_likes(str(tmp_path)).ratings
    assert (one.stars, one.prompt) == (4, "a fish, (red:1.2)\nSteps to heaven")
