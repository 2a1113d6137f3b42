"""The bundled eye for photographs: the published network's own features, by hand where they can be, and its file."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image
from safetensors.torch import load_file, save_file

import tasteprint
from experiments.convert_photo_eye import converted, published_state
from tasteprint import bundled
from tasteprint.bundled import note_bundled
from tasteprint.vision import photo
from tasteprint.vision.efficientnet import DEPTHS, EfficientNetLite0, folded
from tasteprint.vision.encoder import ImageEncoder
from tasteprint.vision.photo import BLOCKS, FLOOR, PhotoEye
from tasteprint.vision.pixels import as_floats
from test_embeddings import photograph

pytestmark = pytest.mark.numerical

WEIGHTS = Path(tasteprint.__file__).parent / "weights"
ENDS = np.cumsum([length for length, _ in BLOCKS.values()]).tolist()


def grainy(width, height, seed=0):
    """A picture with the grain that a camera gives: without it a rounding to bytes is itself a pattern."""
    grain = np.random.default_rng(seed).normal(0, 12, (height, width, 3))
    return Image.fromarray(
        (np.asarray(photograph(width, height, seed)) + grain).clip(0, 255).astype(np.uint8)
    )


@pytest.fixture(scope="module")
def published():
    return published_state()


@pytest.fixture(scope="module")
def encoder():
    return ImageEncoder.from_pretrained("photo")


@pytest.fixture(scope="module")
def inputs():
    """Noise, flat colour, smooth colour with hard edges, fine lines: squares in [0, 1]."""
    noise = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    lines = (torch.arange(224) % 3 == 0).float().expand(1, 3, 224, 224)
    pictures = [as_floats(photograph(224, 224, seed)) for seed in range(2)]
    return torch.cat([noise, torch.full_like(noise, 0.8), lines, *pictures])


def reference_maps(network, squares):
    """Run the published class as its own `extract_features` does; keep what we keep."""
    maps, depths = network._swish(network._bn0(network._conv_stem((squares * 255 - 127) / 128))), []
    for number, block in enumerate(network._blocks):
        maps = block(maps)
        if number in DEPTHS:
            depths.append(maps)
    return [*depths, network._swish(network._bn1(network._conv_head(maps)))]


def test_features_are_those_of_the_published_class(published, inputs):
    reference, ours = EfficientNet.from_name("efficientnet-lite0"), PhotoEye()
    reference.load_state_dict(published)
    ours.network.load_state_dict(converted(published))
    with torch.no_grad():
        expected = reference_maps(reference.eval(), inputs)
        maps, features = ours.network(inputs), ours(inputs)
    assert [m.shape[1:] for m in maps] == [
        (24, 56, 56),
        (40, 28, 28),
        (112, 14, 14),
        (320, 7, 7),
        (1280, 7, 7),
    ]
    start = 0
    for own, theirs in zip(maps, expected, strict=True):
        # Whole maps reach 60; a rounding error of theirs is one of the largest number in them.
        assert (own - theirs).abs().max() < 1e-4 * theirs.abs().max().clamp(min=1)
        moments = [theirs.mean((2, 3)), (theirs.var((2, 3), correction=0) + FLOOR).sqrt()]
        for moment in moments:
            found = features[:, start : start + moment.shape[1]]
            assert (found - moment).abs().max() < 1e-4
            start += moment.shape[1]
    assert start == ENDS[-2]


def test_the_bundled_weights_are_the_published_ones_in_half_precision(published):
    bundled, expected = load_file(WEIGHTS / "photo.safetensors"), converted(published)
    assert set(bundled) == set(expected) == set(EfficientNetLite0().state_dict())
    for name, value in bundled.items():
        assert value.dtype == torch.float16
        torch.testing.assert_close(value.float(), expected[name], atol=1e-7, rtol=2**-10)
    assert (WEIGHTS / "photo.safetensors").stat().st_size < 7_000_000
    assert "Apache License" in (WEIGHTS / "photo.LICENSE").read_text("utf-8")
    assert "EfficientNet-Lite0" in (WEIGHTS / "photo.NOTICE").read_text("utf-8")


def test_half_precision_costs_little(published, encoder):
    full = PhotoEye()
    full.network.load_state_dict(converted(published))
    squares = torch.cat([as_floats(grainy(224, 224, seed)) for seed in range(8)])
    with torch.no_grad():
        exact, bundled = full(squares), encoder.embed(squares)
    assert 0 < (exact - bundled).abs().mean() < 0.005 * exact.std()


def test_a_folded_norm_by_hand():
    norm = {
        "weight": torch.tensor([3.0]), "bias": torch.tensor([1.0]), "running_mean": torch.tensor([10.0]),
        "running_var": torch.tensor([3.0]),
    }  # fmt: skip
    weight, bias = folded(torch.full((1, 1, 1, 1), 8.0), norm, eps=1.0)
    assert weight.item() == 12 and bias.item() == -14  # 3 (8 x - 10) / sqrt(3 + 1) + 1 = 12 x - 14


def test_order_width_and_what_each_number_counts(encoder):
    assert ENDS == [48, 128, 352, 992, 3552, 3600] and encoder.width == 3600
    weights = encoder.column_weights
    assert weights.shape == (3600,)
    parts = weights.tensor_split(ENDS[:-1])
    torch.testing.assert_close(
        torch.stack([part.norm() for part in parts]), torch.tensor([0.3, 0.5, 0.7, 1.0, 1.0, 0.3])
    )
    assert all((part == part[0]).all() for part in parts) and weights[0].item() == pytest.approx(
        0.3 / 48**0.5
    )
    assert ImageEncoder.from_pretrained("statistics").column_weights is None


def test_the_layout_of_a_picture_of_two_colours_by_hand(encoder):
    picture = Image.new("RGB", (400, 300), (255, 0, 51))
    picture.paste((0, 255, 51), (0, 150, 400, 300))
    red, green, blue = encoder.embed_pictures([picture])[0, -48:].view(3, 4, 4)
    upper, lower = torch.ones(2, 4), torch.zeros(2, 4)
    torch.testing.assert_close(red, torch.cat([upper, lower]), atol=2e-3, rtol=0)  # the edge is antialiased
    torch.testing.assert_close(green, torch.cat([lower, upper]), atol=2e-3, rtol=0)
    torch.testing.assert_close(blue, torch.full((4, 4), 0.2))


@pytest.mark.parametrize("size", [(224, 224), (500, 375), (300, 900), (64, 64), (20, 31), (700, 5), (1, 1)])
def test_the_twin_squeezes_the_whole_picture_as_pil_does(encoder, size):
    picture = photograph(*size)
    square = encoder.prepare(picture)
    expected = np.asarray(picture.resize((224, 224), Image.Resampling.BICUBIC), np.float32) / 255
    assert square.shape == (1, 3, 224, 224)
    torch.testing.assert_close(square[0], torch.from_numpy(expected).permute(2, 0, 1))
    apart = (encoder.twin(as_floats(picture)) - square).abs() * 255
    assert apart.max() < 1.2 and apart.mean() < 0.5


def test_tensors_are_embedded_as_pictures_are(encoder):
    pictures = [grainy(500, 375, seed) for seed in range(4)]
    near = encoder.embed(torch.cat([as_floats(picture) for picture in pictures]))
    exact = encoder.embed_pictures(pictures)
    assert near.dtype == torch.float32 and (near - exact).abs().mean() < 0.01 * exact.std()


def test_gradients_are_those_of_finite_differences():
    eye = ImageEncoder.from_pretrained("photo")
    eye.parts[0].double()
    images = (as_floats(photograph(60, 45)) * 0.8 + 0.1).double().requires_grad_()
    slope = torch.linspace(-1, 1, eye.width, dtype=torch.float64)

    def value(pixels):
        return (eye.embed(pixels) @ slope).sum()

    value(images).backward()
    step = torch.randn(images.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 1e-9
    with torch.no_grad():
        change = value(images + step) - value(images - step)  # a small step, since each ReLU6 bends
    assert change.item() == pytest.approx(2 * (images.grad * step).sum().item(), rel=1e-3)
    assert (images.grad != 0).all()


@pytest.mark.parametrize("shade", [0.0, 0.5, 1.0])
def test_a_picture_of_one_colour_is_finite_and_has_gradients(encoder, shade):
    images = torch.full((1, 3, 224, 224), shade, requires_grad=True)
    embedded = encoder.embed(images)
    assert embedded.isfinite().all() and (embedded[:, 24:48] >= FLOOR**0.5).all()
    embedded.sum().backward()
    assert images.grad.isfinite().all() and images.grad.abs().sum() > 0
    flat = torch.ones(1, 4, 5, 5, requires_grad=True)
    means, deviations = photo._moments(flat)
    deviations.sum().backward()
    assert (means == 1).all() and flat.grad.abs().sum() == 0
    torch.testing.assert_close(deviations, torch.full((1, 4), 1e-3))


def test_a_batch_is_its_pictures(encoder):
    pictures = [photograph(60 + seed, 50, seed) for seed in range(7)]  # more than go through at once
    together = encoder.embed_pictures(iter(pictures))
    assert together.shape == (7, 3600) and together.dtype == torch.float32
    for picture, row in zip(pictures[::3], together[::3], strict=True):
        torch.testing.assert_close(encoder.embed_pictures([picture])[0], row, atol=1e-4, rtol=1e-4)
    squares = torch.cat([encoder.prepare(picture) for picture in pictures])
    torch.testing.assert_close(encoder.embed(squares), together, atol=1e-4, rtol=1e-4)
    assert encoder.embed_pictures([]).shape == encoder.embed(squares[:0]).shape == (0, 3600)
    grey = photograph(40, 40).convert("L")
    seen = encoder.embed_pictures([grey, grey.convert("RGB"), grey.convert("LA")])
    torch.testing.assert_close(seen[:1].expand(3, -1), seen)


def test_it_is_one_eye_everywhere(encoder):
    again = ImageEncoder.from_pretrained("photo")
    assert again.name == "photo" and again.fingerprint == encoder.fingerprint
    assert again.fingerprint != ImageEncoder.from_pretrained("eye").fingerprint
    assert not any(p.requires_grad for p in again.parts[0].parameters())


@pytest.mark.parametrize("harm", ["absent", "torn", "one bit", "a weight short"])
def test_a_damaged_file_is_one_sentence(harm, monkeypatch, tmp_path):
    whole = (WEIGHTS / "photo.safetensors").read_bytes()
    (tmp_path / "checksums.json").write_bytes((WEIGHTS / "checksums.json").read_bytes())
    place = tmp_path / "photo.safetensors"
    if harm == "torn":
        place.write_bytes(whole[:-100])
    elif harm == "one bit":
        place.write_bytes(whole[:-1] + bytes([whole[-1] ^ 4]))
    elif harm == "a weight short":
        state = load_file(WEIGHTS / place.name)
        del state["head.bias"]
        save_file(state, place)
        note_bundled(place)
    monkeypatch.setattr(bundled, "WEIGHTS", tmp_path)
    with pytest.raises(
        ValueError, match=r"install tasteprint again|has no 'head.bias'; expected the \d+ tensors"
    ):
        ImageEncoder.from_pretrained("photo")


def test_opening_it_imports_no_transformers():
    code = (
        "import sys; from tasteprint.vision.encoder import ImageEncoder; ImageEncoder.from_pretrained('photo'); "
        "sys.exit('transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
