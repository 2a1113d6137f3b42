"""The encoder without weights: colour and gradient statistics, by hand."""

import numpy as np
import pytest
import torch
from PIL import Image

from tasteprint.vision.encoder import ImageEncoder

pytestmark = pytest.mark.numerical


def test_statistics_of_a_plain_picture_can_be_checked_by_hand():
    encoder = ImageEncoder.from_pretrained("statistics")
    red = torch.zeros(1, 3, 30, 50)
    red[:, 0] = 1
    [found] = encoder.embed(red)
    light, against_green, against_blue = found[:48].view(3, 16)
    torch.testing.assert_close(light, torch.full((16,), 1 / 3))
    torch.testing.assert_close(against_green, torch.full((16,), 0.5))
    torch.testing.assert_close(against_blue, torch.full((16,), 0.25))
    torch.testing.assert_close(found[48:96], torch.full((48,), 0.01))  # no deviation, but the floor
    assert found[96:160].abs().max() == 0, "no edges"
    histograms = found[160:].view(3, 8)
    torch.testing.assert_close(histograms.sum(dim=1), torch.ones(3))
    torch.testing.assert_close(histograms[1], torch.eye(8)[7])
    torch.testing.assert_close(
        histograms[0, 2:4], torch.tensor([2 / 3, 1 / 3])
    )  # 1/3 lies between 2/7 and 3/7


def test_statistics_see_which_way_an_edge_runs():
    encoder = ImageEncoder.from_pretrained("statistics")
    upright = (torch.arange(64) // 4 % 2).float().expand(1, 3, 64, 64)
    edges = [encoder.embed(image)[0, 96:160].view(4, 16).mean(dim=1) for image in (upright, upright.mT)]
    assert edges[0][0] > 0.2 and edges[0][2] == 0 and edges[1][2] > 0.2 and edges[1][0] == 0


@pytest.mark.parametrize("size", [(64, 64), (7, 90), (300, 20), (1, 1)])
def test_statistics_of_any_shape_repeat_and_have_gradients(size):
    encoder = ImageEncoder.from_pretrained("statistics")
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    picture = Image.fromarray(noise)
    first, second = (encoder.embed_pictures([picture]) for _ in range(2))
    assert first.shape == (1, encoder.width) and torch.equal(first, second)
    image = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None] / 255
    image.requires_grad_()
    found = encoder.embed(image)
    torch.testing.assert_close(found.detach(), first)
    found.sum().backward()
    assert image.grad.isfinite().all() and image.grad.abs().sum() > 0


def test_statistics_have_one_name_everywhere():
    first, second = (ImageEncoder.from_pretrained("statistics").fingerprint for _ in range(2))
    assert first == second and len(first) == 64
