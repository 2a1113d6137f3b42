"""Pictures come in by one door, whatever they come as: the same scores, or one sentence."""

import io
import subprocess
import sys
from datetime import datetime

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from people import history
from tasteprint.data.decode import open_image
from tasteprint.devices import usable_device
from tasteprint.methods import open_model
from tasteprint.said import said_as_json, said_from_json
from tasteprint.types import History, Passed, Rating, Vote
from tasteprint.vision.encoder import ImageEncoder
from tasteprint.vision.pixels import checked_images, checked_pictures, require_pairs

PLAIN = torch.linspace(0, 1, 2 * 3 * 4 * 5).view(2, 3, 4, 5)

REFUSED = {
    "bytes": (PLAIN.mul(255).byte(), "uint8; expected floats from 0 to 1: divide bytes by 255"),
    "0 to 255": (PLAIN * 255, "between 0 and 255"),
    "-1 to 1": (PLAIN * 2 - 1, "between -1 and 1"),
    "channels last": (PLAIN.permute(0, 2, 3, 1), "put the channels first"),
    "no batch": (PLAIN[0], "give one image a batch of its own"),
    "one channel": (PLAIN[:, :1], "repeat the grey channel"),
    "four channels": (torch.zeros(1, 4, 4, 5), "leave transparency out"),
    "NaN": (PLAIN * float("nan"), "between nan and nan"),
    "one NaN": (torch.where(PLAIN == 1, torch.nan, PLAIN), "between nan and nan"),
    "infinite": (PLAIN + torch.inf, "between inf and inf"),
    "no pixels": (torch.zeros(1, 3, 0, 5), "have the shape"),
    "a number": (torch.tensor(0.5), "have the shape"),
    "five sides": (PLAIN[None], "have the shape"),
    "complex": (PLAIN.to(torch.complex64), "complex64; expected floats"),
    "an array": (PLAIN.numpy(), "are a ndarray; expected a tensor"),
    "a list": ([PLAIN], "are a list; expected a tensor"),
    "None": (None, "are a NoneType; expected a tensor"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_tensors_that_are_no_images_are_refused(name):
    images, words = REFUSED[name]
    with pytest.raises(ValueError, match=words) as fault:
        checked_images(images)
    assert "\n" not in str(fault.value) and "expected" in str(fault.value)


@given(st.sampled_from([torch.float16, torch.bfloat16, torch.float32, torch.float64]), st.integers(0, 3))
def test_images_of_any_precision_are_taken_with_their_gradients(kind, count):
    images = PLAIN[:1].expand(count, -1, -1, -1).to(kind).clone().requires_grad_()
    taken = checked_images(images)
    assert taken.dtype == (torch.float64 if kind == torch.float64 else torch.float32)
    assert torch.equal(taken, images.to(taken.dtype))
    taken.sum().backward()
    assert torch.equal(images.grad, torch.ones_like(images))


@given(st.floats(-2, 3, width=32))
def test_the_range_is_that_of_an_image(value):
    images = torch.full((1, 3, 2, 2), 0.5)
    images[0, 1, 1, 0] = value
    if -1e-3 <= value <= 1.001:
        assert torch.equal(checked_images(images), images)
    else:
        with pytest.raises(ValueError, match="expected 0 to 1"):
            checked_images(images)


@pytest.mark.parametrize(
    "pictures",
    [Image.new("RGB", (2, 2)), "a.png", b"...", PLAIN, PLAIN.numpy(), None, 3],
    ids=lambda one: type(one).__name__,
)
def test_what_is_no_list_of_pictures_is_refused(pictures):
    with pytest.raises(ValueError, match="expected a list of PIL pictures"):
        checked_pictures(pictures)
    if not isinstance(pictures, torch.Tensor):
        with pytest.raises(ValueError, match="expected a list of PIL pictures"):
            require_pairs(pictures, pictures)


@pytest.fixture(scope="module", params=["mini", "mini-posterior"])
def taste(request, pictures):
    return open_model(request.param).print_of(
        History("u", tuple(Vote("u", "a fish", v.image_0, v.image_1, v.label_0) for v in history(2).votes)),
        pictures.__getitem__,
    )


def saved(picture, form, **more):
    kept = io.BytesIO()
    picture.save(kept, form, **more)
    return kept.getvalue()


def turned():
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


GREY = Image.fromarray(np.add.outer(np.arange(40), np.arange(60)).astype(np.uint8) * 2)
COLOUR = Image.merge("RGB", [GREY, GREY.rotate(180), Image.new("L", GREY.size, 90)])
FILES = {
    "turned": saved(COLOUR, "JPEG", exif=turned()),
    "16 bits": saved(Image.fromarray(np.asarray(GREY).astype(np.uint16) * 257), "PNG"),
    "two colours": saved(GREY.convert("1"), "PNG"),
    "a palette": saved(COLOUR.convert("P"), "PNG"),
    "see-through": saved(Image.merge("RGBA", [*COLOUR.split(), GREY]), "PNG"),
    "CMYK": saved(COLOUR.convert("CMYK"), "TIFF"),
    "LAB": saved(Image.merge("LAB", COLOUR.split()), "TIFF"),
    "32 bits": saved(GREY.convert("F"), "TIFF"),
    "frames": saved(COLOUR, "GIF", save_all=True, append_images=[GREY.convert("RGB")]),
}


@pytest.mark.parametrize("name", FILES)
def test_a_picture_scores_as_its_file_does(taste, name):
    """The README opens pictures by `Image.open`, the commands by `open_image`."""
    ways = [open_image(FILES[name]), Image.open(io.BytesIO(FILES[name]))]
    scores = [taste.score_pictures([picture], ["a fish"]) for picture in ways]
    assert torch.equal(*scores)
    as_tensor = torch.from_numpy(np.array(ways[0])).permute(2, 0, 1)[None] / 255
    torch.testing.assert_close(taste.score(as_tensor, ["a fish"]).detach(), scores[0], atol=0.1, rtol=0)


def test_both_ways_take_and_refuse_the_same():
    """Through the interface itself, without the type checks of these tests; with torch's default type changed too."""
    code = """
import sys, torch
sys.path[:0] = ["tests"]
import test_entrances as t
from tasteprint.methods import open_model
from tasteprint.types import History
people = [open_model(name).print_of(History("u")) for name in ("mini", "mini-posterior")]
for name, (images, _) in t.REFUSED.items():
    for who in people:
        try: who.score(images, ["a fish"] * (len(images) if getattr(images, "ndim", 0) else 1))
        except ValueError as fault: assert "expected" in str(fault), name
        else: raise SystemExit(f"{name} was taken")
images = torch.rand(2, 3, 48, 48, generator=torch.Generator().manual_seed(0))
pictures = [t.COLOUR, t.GREY]
for strange in (["a.png"], [t.np.zeros((4, 4, 3), t.np.uint8)], [None]):
    for who in people:
        try: who.score_pictures(strange, ["a fish"])
        except ValueError as fault: assert "expected a PIL picture" in str(fault)
        else: raise SystemExit(f"{strange} was taken")
for prompts in ("ab", [None, "a"], [1, 2], ["a"], ["a"] * 3):
    try: people[0].score_pictures(pictures, prompts)
    except ValueError as fault: assert "expected a list of texts" in str(fault) or "one prompt an image" in str(fault)
    else: raise SystemExit(f"{prompts} were taken")
for who in people:
    right = who.score(images, ["a fish"] * 2)
    for kind, near in ((torch.float64, 1e-5), (torch.float16, 0.05), (torch.bfloat16, 0.2)):
        found = who.score(images.to(kind), ["a fish"] * 2)
        assert found.dtype == torch.float32 and (found - right).abs().max() < near
    assert who.score(images[:0], []).shape == (0,)
    torch.set_default_dtype(torch.float64)
    again = type(who.model).from_pretrained(who.model.source).print_of(History("u"))
    for found in (again.score(images, ["a fish"] * 2), who.score(images, ["a fish"] * 2)):
        assert found.dtype == torch.float32 and torch.allclose(found, right, atol=1e-5)
    torch.set_default_dtype(torch.float32)
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("odd", ["\ud800", "a \udcff cup", "\udcff.png", "é", "名前", "\x00", "😀"])
def test_names_and_prompts_of_any_bytes_are_kept(model, pictures, tmp_path, odd):
    posterior = open_model("mini-posterior")
    vote = Vote(odd, odd, f"1{odd}", f"2{odd}", 1.0)
    for way in (model, posterior):
        taste = way.print_of(History(odd, (vote,)), lambda name: pictures[name[0]])
        taste.save(tmp_path / "deep" / "in" / "me.safetensors")
        back = type(taste).load(tmp_path / "deep" / "in" / "me.safetensors", way)
        assert back.user_id == odd
        assert torch.equal(*(one.score_pictures([pictures["5"]], [odd]) for one in (taste, back)))


@pytest.mark.parametrize("user", [7, np.int64(7), None, 2.5, "\udcff"])
def test_ids_of_any_plain_kind_are_kept(user):
    votes = (Vote("u", "", "a", "b", 0.5, datetime(2026, 3, 1)), Rating("u", "", "c", 4, 5), Passed("u", "d"))
    assert said_from_json(said_as_json(user, votes, names=["é"]), "here") == (user, votes, {"names": ["é"]})


@pytest.mark.parametrize("user", [b"me", 1j, object()])
def test_ids_that_cannot_be_kept_are_one_sentence(user):
    with pytest.raises(ValueError, match="cannot be kept; expected a text or a number"):
        said_as_json(user, ())


@pytest.mark.parametrize("name", ["banana", "cuda:99", "meta", "", "cpu:0:0"])
def test_a_device_that_is_not_here_is_one_sentence(name):
    for opened in (
        usable_device,
        lambda name: open_model("photos", name),
        lambda name: open_model("mini", name),
    ):
        with pytest.raises(ValueError, match=r"cannot be used .* such as cpu"):
            opened(name)
    if name:
        with pytest.raises(ValueError, match="cannot be used"):
            ImageEncoder.from_pretrained("statistics", name)
    assert usable_device("cpu") == torch.device("cpu")
