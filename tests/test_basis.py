"""Fixed features of embeddings: components and kernels against slow twins, and columns made to break them."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from tasteprint.posterior import basis
from tasteprint.posterior.basis import Basis, Components, KernelMap, evenly, kernel_features

pytestmark = pytest.mark.numerical


def rows_of(images, columns, seed=0):
    """Embeddings with columns of very different sizes, away from zero."""
    draw = torch.Generator().manual_seed(seed)
    return 5 + torch.randn(images, columns, generator=draw) * torch.logspace(-2, 2, columns)


def products(components):
    """What two images share: signs and the order of equal components do not matter."""
    return (components.rows @ components.rows.T).numpy()


def standardised(rows, weights=1.0):
    rows = rows.double().numpy()
    return (rows - rows.mean(axis=0)) / rows.std(axis=0, ddof=1) * weights


@pytest.mark.parametrize("images, columns", [(40, 7), (12, 30)])
@pytest.mark.parametrize("weighed", [False, True])
def test_components_are_those_of_standardised_and_weighed_columns(images, columns, weighed):
    """As many images as columns or fewer; found by way of either product."""
    rows = rows_of(images, columns)
    weights = torch.linspace(0.2, 2, columns) if weighed else None
    found = Components.of(rows, 5, weights)
    slow = PCA(5).fit_transform(standardised(rows, weights.numpy() if weighed else 1.0))
    np.testing.assert_allclose(products(found), slow @ slow.T, atol=1e-6)
    squares = found.rows.square().sum(dim=0)
    assert squares.tolist() == sorted(squares.tolist(), reverse=True)
    torch.testing.assert_close((rows.double() - found.mean) @ found.axes, found.rows)


def test_a_column_of_weight_zero_is_as_if_it_were_not_there():
    rows = rows_of(30, 6)
    found = Components.of(rows, column_weights=torch.tensor([1.0, 0, 1, 1, 0, 1]))
    np.testing.assert_allclose(products(found), products(Components.of(rows[:, [0, 2, 3, 5]])), atol=1e-8)


def test_a_constant_column_says_nothing_and_of_constant_ones_alone_nothing_is_left():
    rows = rows_of(30, 6)
    rows[:, 2] = 7.0
    found = Components.of(rows)
    np.testing.assert_allclose(products(found), products(Components.of(rows[:, [0, 1, 3, 4, 5]])), atol=1e-8)
    assert found.rows.shape == (30, 5) and found.axes[2].abs().max() < 1e-12
    assert Components.of(torch.full((30, 6), 0.1)).rows.shape == (30, 0)


def test_the_first_of_many_are_those_of_few():
    many = Components.of(rows_of(40, 12))
    for count in (1, 4, 12, 60):
        few = Components.of(rows_of(40, 12), count)
        for part, other in zip(many.leading(count), few, strict=True):
            torch.testing.assert_close(part, other)


def test_of_many_images_some_show_the_directions(monkeypatch):
    """Every column is standardised by all images; directions are those of every other one, the first and the last."""
    monkeypatch.setattr(basis, "EXAMPLES", 50)
    rows = rows_of(99, 6)
    found = Components.of(rows, 3)
    some = standardised(rows)[::2]
    _, vectors = np.linalg.eigh(some.T @ some)
    slow = standardised(rows) @ vectors[:, ::-1][:, :3]
    np.testing.assert_allclose(products(found), slow @ slow.T, atol=1e-6)
    assert found.rows.shape == (99, 3)


@pytest.mark.parametrize(
    "count, most, places",
    [(5, 9, [0, 1, 2, 3, 4]), (5, 3, [0, 2, 4]), (1, 4, [0]), (0, 4, []), (100, 2, [0, 99])],
)
def test_some_of_many_are_taken_evenly(count, most, places):
    assert evenly(count, most).tolist() == places


def kernel_map(made, features=3):
    """Any weights will do."""
    draw = torch.Generator().manual_seed(9)
    weights = torch.randn(len(made.sizes), 1 + features, generator=draw)
    return KernelMap({**made.parts, "weights": weights, "bias": torch.arange(1.0 + features)})


@pytest.mark.parametrize("images", [20, 300])
def test_a_map_at_its_landmarks_is_the_map_of_their_images(images):
    rows = rows_of(images, 6)
    made = Basis.of(Components.of(rows), 1.0)
    mapped = kernel_map(made)
    some = rows[evenly(images, basis.LANDMARKS)]
    for part, other in zip(mapped.at_landmarks(), mapped(some), strict=True):
        torch.testing.assert_close(part, other, atol=1e-3, rtol=1e-3)  # the map is in float32
    assert len(mapped.landmarks) == min(images, basis.LANDMARKS)


def test_the_kernel_is_exact_at_the_landmarks_and_projected_on_them_elsewhere():
    """Of 300 images 256 are landmarks; `K_il K_ll⁻¹ K_li` never gives an image more than its own 1."""
    rows = rows_of(300, 3)
    made = Basis.of(Components.of(rows), 1.0)
    points = (made.rows * made.sizes)[:, : made.linear]
    exact = torch.exp(-torch.cdist(points, points).square() / 2)
    rbf, some = made.rows[:, made.linear :], evenly(300, basis.LANDMARKS)
    torch.testing.assert_close((rbf @ rbf.T)[some][:, some], exact[some][:, some], atol=1e-3, rtol=0)
    squares = rbf.square().sum(dim=1)
    assert squares.max() < 1.001 and 0.9 < squares.min() < 0.999
    assert made.rows[:, : made.linear].square().sum(dim=1).mean().item() == pytest.approx(1)


def test_gradients_reach_embeddings():
    rows = rows_of(20, 6)
    made = Basis.of(Components.of(rows), 1.0)
    seen = rows[:2].double().requires_grad_()
    kernel_features(seen, **made.parts).sum().backward()
    assert seen.grad.isfinite().all() and seen.grad.abs().min() > 0


@pytest.mark.parametrize("count", [2, 3])
def test_few_images_and_the_same_ones_have_finite_features(count):
    for rows in (rows_of(count, 6), rows_of(1, 6).repeat(count, 1)):
        made = Basis.of(Components.of(rows), 1.0)
        assert made.rows.isfinite().all()
        assert kernel_features(rows_of(4, 6).double(), **made.parts).isfinite().all()
