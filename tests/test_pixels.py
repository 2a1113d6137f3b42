"""Pixels by torch with gradients beside those of the published processors, on pictures made to tell them apart."""

import numpy as np
import pytest
import torch
from PIL import Image
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.idefics2.image_processing_pil_idefics2 import Idefics2ImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from tasteprint.vision.eye import eye_processor
from tasteprint.vision.pixels import as_floats, prepared, square_pixels, square_twin, twin

pytestmark = pytest.mark.numerical

EIGHT = Idefics2ImageProcessorPil(do_image_splitting=False, size={"longest_edge": 980, "shortest_edge": 378})
"""The preparation of the 8B model; `square_twin` asks a processor for nothing else."""

BACKBONES = {"mini": (eye_processor(), 48), "8b": (EIGHT, 512)}
ENCODERS = {"clip": CLIPImageProcessorPil(), "siglip": SiglipImageProcessorPil()}

# Pillow rounds to bytes after each of its two passes: half a step, which the second pass weighs by the kernel's
# absolute sum (1 bilinear, 1.25 bicubic), and half a step again.
BICUBIC, BILINEAR = 1.125, 1.0

# Smaller, larger, one side of each; beside where Pillow 13 turns from columns first to rows first (the height shrinks
# by more than twice what the width does); lines.
SIZES = [
    (48, 48), (512, 512), (20, 31), (96, 96), (700, 530), (200, 10), (10, 200), (47, 49), (49, 47), (511, 513),
    (50, 52), (50, 53), (52, 50), (600, 688), (600, 689), (300, 390), (13, 900), (900, 13), (640, 3), (1, 200),
    (200, 1), (1, 1),
]  # fmt: skip


def noise(width, height):
    return np.random.default_rng(width * height).integers(0, 256, (height, width, 3))


def smooth(width, height):
    small = Image.fromarray(noise(4, 5).astype(np.uint8))
    return np.array(small.resize((width, height), Image.Resampling.BICUBIC))


def board(width, height):
    rows, columns = np.mgrid[:height, :width]
    white = (rows // 3 + columns // 3) % 2 * 255
    return np.stack([white, 255 - white, (rows + columns) % 2 * 255], -1)


KINDS = {"noise": noise, "smooth": smooth, "board": board}


def drawn(kind, size):
    return Image.fromarray(KINDS[kind](*size).astype(np.uint8))


def in_bytes(pixels, numbers):
    mean, std = (torch.tensor(values)[:, None, None] for values in (numbers.image_mean, numbers.image_std))
    return (pixels * std + mean) * 255


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", BACKBONES)
def test_a_backbone_sees_what_its_processor_would_show_it(name, kind):
    processor, square = BACKBONES[name]
    for size in SIZES:
        picture = drawn(kind, size)
        ours, theirs = (
            in_bytes(pixels, processor)
            for pixels in (
                square_twin(as_floats(picture), processor, square),
                square_pixels([picture], processor, square),
            )
        )
        apart = (ours - theirs).abs()
        assert ours.shape == theirs.shape == (1, 3, square, square)
        assert apart.max() < BICUBIC and apart.mean() < 0.51, size


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ENCODERS)
def test_an_encoder_sees_what_its_processor_would_show_it(name, kind):
    processor = ENCODERS[name]
    for size in SIZES:
        if max(size) > 20 * min(size):  # the shortest edge becomes 224, the longest as much longer
            continue
        picture = drawn(kind, size)
        ours, theirs = (
            in_bytes(pixels, processor)
            for pixels in (twin(as_floats(picture), processor), prepared(picture, processor))
        )
        apart = (ours - theirs).abs()
        assert apart.max() < (BILINEAR if processor.resample == 2 else BICUBIC) and apart.mean() < 0.51, size


@pytest.mark.parametrize(("square", "side"), [(200, 378), (600, 600), (1100, 980)])
def test_a_square_outside_the_processors_bounds_is_resized_twice(square, side):
    picture = drawn("noise", (300, 211))
    ours, theirs = (
        square_twin(as_floats(picture), EIGHT, square),
        square_pixels([picture], EIGHT, square),
    )
    assert ours.shape == theirs.shape == (1, 3, side, side)
    assert (ours - theirs).abs().max() * 127.5 < (BICUBIC if square == side else BICUBIC + BILINEAR)


@pytest.mark.parametrize("size", [(200, 1), (1, 200)])
def test_a_line_of_pixels_is_read_right_in_any_layout(size):
    floats = as_floats(drawn("noise", size))
    known = square_twin(floats.contiguous(), *BACKBONES["mini"])
    turned = floats.transpose(2, 3).contiguous().transpose(2, 3)
    for same in (turned, floats.to(memory_format=torch.channels_last)):
        assert torch.allclose(square_twin(same, *BACKBONES["mini"]), known, atol=1e-5)
    assert torch.allclose(square_twin(floats.double(), *BACKBONES["mini"]).float(), known, atol=1e-5)


def test_black_is_minus_one_white_is_one_and_a_batch_is_its_parts():
    flat = torch.tensor([0.0, 0.25, 1.0])[:, None, None, None].expand(3, 3, 30, 70)
    pixels = square_twin(flat, *BACKBONES["mini"])
    assert torch.allclose(pixels.amin((1, 2, 3)), torch.tensor([-1, -0.5, 1]), atol=1e-4)
    assert torch.allclose(pixels.amax((1, 2, 3)), torch.tensor([-1, -0.5, 1]), atol=1e-4)
    many = torch.rand(3, 3, 30, 70, generator=torch.Generator().manual_seed(0))
    together = square_twin(many, *BACKBONES["mini"])
    assert torch.allclose(together[1:2], square_twin(many[1:2], *BACKBONES["mini"]), atol=1e-6)


@pytest.mark.parametrize("name", [*BACKBONES, "8b, twice", *ENCODERS])
@pytest.mark.parametrize("size", [(7, 5), (40, 60), (61, 33)])
def test_gradients_are_those_of_finite_differences(name, size):
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(1, 3, *size, generator=generator, dtype=torch.float64).requires_grad_()

    def seen(images):
        if name in ENCODERS:
            return twin(images, ENCODERS[name])
        return square_twin(images, *BACKBONES.get(name, (EIGHT, 200)))

    # Fast: both Jacobians between the same random directions, instead of number by number.
    assert torch.autograd.gradcheck(seen, images, eps=1e-7, atol=1e-4, fast_mode=True)


def test_black_and_white_have_gradients_too():
    for flat in (0.0, 1.0):
        images = torch.full((1, 3, 90, 70), flat, requires_grad=True)
        square_twin(images, *BACKBONES["mini"]).square().sum().backward()
        assert (images.grad != 0).float().mean() > 0.9
