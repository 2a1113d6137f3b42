"""The prior estimated from few raters, against slow twins."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from scipy.special import expit
from sklearn.decomposition import PCA

from tasteprint.evaluate.baselines import bradley_terry
from tasteprint.posterior import choice, cross_validation
from tasteprint.posterior.alone import AlonePrior
from tasteprint.posterior.basis import Basis, Components, canonical_signs, kernel_features
from tasteprint.posterior.choice import find_prior
from tasteprint.posterior.cross_validation import folds
from tasteprint.posterior.empirical_bayes import EmpiricalBayesPrior, Scales, assemble_prior
from tasteprint.posterior.inference import infer
from tasteprint.posterior.learned_prior import LearnedPrior
from tasteprint.posterior.likelihoods import Answers, opinions_of
from tasteprint.posterior.model import TastePosterior
from tasteprint.posterior.predictor import PosteriorPredictor
from tasteprint.posterior.prints import PosteriorPrint
from tasteprint.posterior.rater_effects import answer_pulls, rater_effects, shared_taste, standard_normal
from tasteprint.types import History, Rating, Vote
from tasteprint.vision.encoder import ImageEncoder
from tastes import COLOURS, SMALL, colour_encoder, embeddings, fit, picture, some_people, votes_of

pytestmark = pytest.mark.numerical

NAMES = sorted(COLOURS)
PLACE = {name: row for row, name in enumerate(NAMES)}
ROWS = torch.from_numpy(embeddings(NAMES))
SCALES = Scales(rater=1.5, linear=0.4, rbf=0.5, others=0.8)
FEW = replace(SMALL, prior="estimated", features=16)


@pytest.fixture(autouse=True)
def small_grid(monkeypatch):
    """Two scales of two values: what is searched is not the point here."""
    monkeypatch.setattr(cross_validation, "GRID", {"others": (0.0, 1.0), "linear": (0.3, 0.6)})


def raters(count=12):
    return [opinions_of(votes, PLACE) for votes in some_people(count).values()]


def parts(people, scales=SCALES):
    basis = Basis.of(Components.of(ROWS), scales.width)
    taste = shared_taste(basis.rows, people, scales.shared, scales.image)
    return basis, taste, rater_effects(basis.rows, people, taste, scales.rater)


@pytest.fixture(scope="module")
def estimated():
    people = raters()
    return assemble_prior(*parts(people), people, NAMES, SCALES, 16)


@pytest.fixture(scope="module")
def posterior(estimated):
    return TastePosterior(colour_encoder(), FEW, estimated)


# Features


def test_inner_products_of_features_are_the_two_kernels():
    basis = Basis.of(Components.of(ROWS), 0.7)
    standard_rows = (
        ((ROWS - ROWS.mean(0)) / ROWS.std(0)).double().numpy()[:, :2]
    )  # the third colour is constant
    distance = np.linalg.norm(standard_rows[:, None] - standard_rows, axis=-1)
    median = np.sort(distance[np.triu_indices(len(NAMES), 1)])[(len(NAMES) * (len(NAMES) - 1) // 2 - 1) // 2]
    kernel = np.exp(-(distance**2) / (2 * (0.7 * median) ** 2))
    linear, rbf = basis.rows[:, : basis.linear].numpy(), basis.rows[:, basis.linear :].numpy()
    np.testing.assert_allclose(rbf @ rbf.T, kernel, atol=1e-3)
    components = PCA().fit_transform(standard_rows)
    components /= np.sqrt((components**2).sum(1).mean())
    np.testing.assert_allclose(linear @ linear.T, components @ components.T, atol=1e-6)


def test_features_of_the_same_images_are_the_same_again():
    basis = Basis.of(Components.of(ROWS), 1.0)
    torch.testing.assert_close(kernel_features(ROWS.double(), **basis.parts) / basis.sizes, basis.rows)


# What raters share, and what each adds


def test_the_shared_taste_without_features_is_bradley_and_terrys():
    votes = [vote for one in some_people(12).values() for vote in one]
    taste = shared_taste(torch.zeros(len(NAMES), 1).double(), raters(), 1.0, 0.5)
    for name, strength in bradley_terry(votes, ridge=4.0).items():
        assert float(taste.own[PLACE[name]]) == pytest.approx(strength, abs=2e-3)


def test_the_dual_form_is_the_primal_one():
    torch.manual_seed(0)
    rows, offsets = torch.randn(3, 7, 4).double(), torch.randn(3, 7).double()
    seen = Answers.choices(rows, offsets)._replace(
        weights=torch.tensor([1, 1, 0.5, 0.5, 1, 1, 0]).double().expand(3, 7)
    )
    primal = infer(standard_normal(4), seen)
    pull = answer_pulls(rows @ rows.mT, seen)
    torch.testing.assert_close((rows.mT @ pull[..., None])[..., 0], primal.taste, atol=1e-5, rtol=1e-5)
    assert (pull[:, -1] == 0).all(), "an answer without weight pulls nothing"


def test_effects_are_those_of_a_rater_with_a_weight_for_every_image():
    people = [opinions_of([*votes_of("a", 0), Rating("a", "a colour", "c3", 2)], PLACE), *raters(2)]
    basis, taste, found = parts(people)
    size = SCALES.rater / 2**0.5
    features = size * torch.cat([basis.rows, torch.eye(len(NAMES)).double()], dim=1)
    for one, rater in zip(people, found.at(basis.rows).T, strict=True):
        first, second = features[one.images[:, 0]], features[one.images[:, 1].clamp(min=0)]
        rows = torch.where(one.images[:, 1:] < 0, first, first - second)
        utility = taste.utility(basis.rows)
        offsets = utility[one.images[:, 0]] - torch.where(
            one.images[:, 1] < 0, 0, utility[one.images[:, 1].clamp(min=0)]
        )
        low, high = taste.cutpoints.table()[one.bounds].T
        belief = infer(standard_normal(rows.shape[1]), Answers(rows, offsets, low, high, one.weights))
        torch.testing.assert_close(features @ belief.taste, rater, atol=1e-4, rtol=1e-4)


# The estimate


def test_the_priors_covariance_is_the_sum_that_is_promised():
    people = raters()
    basis, taste, found = parts(people)
    whole = assemble_prior(basis, taste, found, people, NAMES, SCALES, 200)
    rows, effects = basis.rows, found.at(basis.rows)
    linear, rbf = rows[:, : basis.linear], rows[:, basis.linear :]
    kernel = 0.4**2 * linear @ linear.T + 0.5**2 * rbf @ rbf.T + 0.8**2 * effects @ effects.T / len(people)
    doubt = torch.cat([rows, torch.eye(len(rows))], dim=1) @ taste.root
    kernel = kernel + doubt @ doubt.T
    images = [PLACE[name] for name in whole.names]
    features = whole.map.table[:, 1:].double()

    def of_choices(kernel):
        return kernel.diag()[:, None] + kernel.diag() - 2 * kernel

    torch.testing.assert_close(
        of_choices(features @ features.T), of_choices(kernel[images][:, images]), atol=1e-4, rtol=1e-4
    )


def test_the_print_is_the_dual_forms(posterior):
    votes = votes_of("new", 1, 8)
    images = posterior.images(NAMES, embeddings)
    shared, features = images.shared.double().numpy(), images.features.double().numpy()
    liked, other = (
        np.array([PLACE[getattr(vote, side)] for vote in votes]) for side in ("liked", "disliked")
    )
    kernel = features @ features.T
    across = kernel[liked] - kernel[other]
    gram, offsets = across[:, liked] - across[:, other], shared[liked] - shared[other]
    pull, bend = np.zeros(8), np.full(8, 0.25)
    for _ in range(100):  # the n x n averaged approximation, written out
        inner = np.linalg.solve(np.eye(8) + bend[:, None] * gram, np.diag(bend) @ gram)
        scale = 1 / np.sqrt(1 + np.pi / 8 * np.diag(gram - gram @ inner))
        p = expit(scale * (offsets + gram @ pull))
        pull += 0.5 * np.linalg.solve(np.eye(8) + bend[:, None] * gram, (1 - p) - pull)
        bend += 0.5 * (scale * p * (1 - p) - bend)
    bend = np.diag(bend)
    difference = across[:, 0] - across[:, 1]
    mean = shared[0] - shared[1] + difference @ pull
    variance = kernel[0, 0] + kernel[1, 1] - 2 * kernel[0, 1]
    variance -= difference @ np.linalg.solve(np.linalg.inv(bend) + gram, difference)
    [margins] = PosteriorPredictor(posterior, embeddings).pairs(
        [History("new", tuple(votes))], [[(NAMES[0], ""), (NAMES[1], "")]]
    )
    assert margins[0] - margins[1] == pytest.approx(mean / np.sqrt(1 + np.pi / 8 * variance), abs=1e-3)


def test_an_average_image_has_utility_zero(posterior):
    images = posterior.images(posterior.fitted.names, embeddings)
    assert float(images.shared.mean()) == pytest.approx(0, abs=1e-5)
    torch.testing.assert_close(images.features.mean(dim=0), torch.zeros(16), atol=1e-5, rtol=0)


def test_raters_images_are_known_by_name_and_others_by_their_embedding(posterior):
    def with_stranger(names):
        return embeddings([name.removeprefix("new ") for name in names])

    known, stranger = posterior.images(["c5"], embeddings), posterior.images(["new c5"], with_stranger)
    shared, features = posterior.utilities(torch.from_numpy(embeddings(["c5"])))
    torch.testing.assert_close((stranger.shared, stranger.features), (shared, features))
    row = posterior.fitted.map.table[posterior.fitted.names.index("c5")]
    torch.testing.assert_close((known.shared[0], known.features[0]), (row[0], row[1:]))
    assert not torch.allclose(known.shared, stranger.shared)


def test_eight_votes_tell_a_new_person_apart(posterior):
    people = {f"v{n}": votes_of(f"v{n}", n % 2, 24) for n in range(100)}
    histories = [History(user, tuple(votes[:8])) for user, votes in people.items()]
    targets = [
        [(name, "") for vote in votes[8:] for name in (vote.liked, vote.disliked)]
        for votes in people.values()
    ]
    own, nobody, other = (
        np.mean(
            [
                row[0::2] > row[1::2]
                for row in PosteriorPredictor(posterior, embeddings).pairs(contexts, targets)
            ]
        )
        for contexts in (
            histories,
            [History(one.user_id) for one in histories],
            [*histories[1:], histories[0]],
        )
    )
    # Of 1,600 pairs: a share errs by 0.011 at most. They are 0.88, 0.75 and 0.59.
    assert own > 0.8 + 4 * 0.011 > 0.8 - 3 * 0.011 > nobody > other + 4 * 0.011 * 2**0.5


def test_gradients_reach_the_pixels(posterior):
    image = torch.rand(1, 3, 4, 4, requires_grad=True)
    posterior.print_of(History("new", tuple(votes_of("new", 0))), picture).score(image).sum().backward()
    assert image.grad.abs().sum() > 0


def test_it_is_saved_with_its_images_names(posterior, tmp_path, monkeypatch):
    monkeypatch.setattr(ImageEncoder, "from_pretrained", lambda name: colour_encoder())
    posterior.save_pretrained(tmp_path)
    again = TastePosterior.from_pretrained(tmp_path)
    assert again.fingerprint == posterior.fingerprint and again.fitted.names == posterior.fitted.names
    taste = posterior.print_of(History("new", tuple(votes_of("new", 0))), picture)
    taste.save(tmp_path / "print")
    assert torch.equal(PosteriorPrint.load(tmp_path / "print", again).belief.taste, taste.belief.taste)


@pytest.mark.parametrize("damage", ["rows", "width", "missing"])
def test_damage_is_refused(posterior, tmp_path, monkeypatch, damage):
    monkeypatch.setattr(ImageEncoder, "from_pretrained", lambda name: colour_encoder())
    posterior.save_pretrained(tmp_path)
    state = load_file(tmp_path / "posterior.safetensors")
    (tmp_path / "checksums.json").unlink()
    if damage == "missing":
        del state["map.axes"]
    elif damage == "width":
        state["map.mean"] = torch.zeros(5)
    else:
        about = json.loads((tmp_path / "tasteprint.json").read_text("utf-8"))
        (tmp_path / "tasteprint.json").write_text(
            json.dumps(about | {"images": about["images"][1:]}), "utf-8"
        )
    save_file(state, tmp_path / "posterior.safetensors")
    with pytest.raises(ValueError, match="save it again"):
        TastePosterior.from_pretrained(tmp_path)


def test_likes_and_stars_are_taken():
    def rated(user, likes):
        one, two = (Rating(user, "", name, 1 + (COLOURS[name][likes] > 128)) for name in NAMES[:2])
        stars = [Rating(user, "", name, 1 + COLOURS[name][likes] * 5 // 256, 5) for name in NAMES[2:14]]
        return [one, two, *stars]

    people = [opinions_of(rated(f"u{n}", n % 2), PLACE) for n in range(10)]
    found = assemble_prior(*parts(people), people, NAMES, SCALES, 16)
    posterior = TastePosterior(colour_encoder(), FEW, found)
    scores = posterior.print_of(History("new", ratings=tuple(rated("new", 0))), picture).score_embeddings(
        ROWS
    )
    assert np.corrcoef(scores, [COLOURS[name][0] for name in NAMES])[0, 1] > 0.7


# The choice


def test_a_fold_hides_its_people_and_some_images():
    people = raters(10)
    made = folds(people, len(NAMES), 0)
    assert [len(fold.targets) for fold in made] == [2] * 5
    for fold in made:
        images = torch.cat([one.images.flatten() for one in fold.train]).unique()
        assert 0.6 * len(NAMES) < len(images) < len(NAMES) and len(fold.train) == 8
        for context, targets in zip(fold.context, fold.targets, strict=True):
            assert len(context.weights) == 6 and not torch.isin(context.images, targets.images).any()


def test_the_same_seed_finds_the_same():
    first, second = (find_prior(NAMES, ROWS, raters(6), FEW, seed=3) for _ in range(2))
    assert torch.equal(first.map.scales, second.map.scales) and first.names == second.names
    for one, other in zip(first.utilities(ROWS, NAMES), second.utilities(ROWS, NAMES), strict=True):
        torch.testing.assert_close(one, other)


def test_signs_of_features_do_not_depend_on_the_decomposition(estimated):
    """Every direction's largest value is positive, and a mirrored table gives the same features."""
    features = estimated.map.table[:, 1:]
    assert (features.gather(0, features.abs().argmax(dim=0, keepdim=True)) >= 0).all()
    columns = torch.tensor([[1.0, 2.0], [-3.0, 1.0]])
    assert canonical_signs(columns).tolist() == [-1, 1] and canonical_signs(-columns).tolist() == [1, -1]


def test_a_direction_that_the_images_do_not_have_says_nothing():
    """The third colour is the same everywhere, so that a picture which differs in it alone is no other picture."""
    basis, other = Basis.of(Components.of(ROWS), 1.0), ROWS.double() + torch.tensor([0.0, 0.0, 0.5])
    assert basis.linear == 2
    torch.testing.assert_close(kernel_features(other, **basis.parts) / basis.sizes, basis.rows)


def test_many_people_are_learned_from(monkeypatch):
    monkeypatch.setattr(choice, "MANY", 8)
    assert isinstance(find_prior(NAMES, ROWS, raters(8), replace(FEW, prior="auto", steps=2)), LearnedPrior)


@pytest.mark.parametrize("better", [LearnedPrior, EmpiricalBayesPrior, AlonePrior])
def test_of_few_people_the_prior_that_predicts_best_is_taken_and_said(monkeypatch, caplog, better):
    monkeypatch.setattr(choice, "FEW", 4)
    monkeypatch.setattr(choice, "log_loss", lambda fitted, *rest: float(not isinstance(fitted[0], better)))
    with caplog.at_level("INFO"):
        found = find_prior(NAMES, ROWS, raters(4), replace(FEW, prior="auto", steps=2))
    assert isinstance(found, better) and f"prior: {better.kind}," in caplog.text


@pytest.mark.parametrize("count", [0, 1])
def test_one_rater_is_no_population(count):
    with pytest.raises(ValueError, match=f"{count} people have two opinions or more; expected at least 2"):
        fit(some_people(count), FEW)


def test_one_rater_is_known_alone():
    found = fit(some_people(1), replace(FEW, prior="auto"))
    assert isinstance(found.fitted, AlonePrior) and found.config.prior == "alone"
    with pytest.raises(ValueError, match="0 people have two opinions or more; expected at least 1"):
        fit({}, replace(FEW, prior="auto"))


def test_two_raters_are_enough():
    found = fit(some_people(2), FEW)
    assert isinstance(found.fitted, EmpiricalBayesPrior)


def test_contradicting_and_separable_votes_are_taken():
    both = [Vote("a", "", "c1", "c2", 1.0), Vote("a", "", "c1", "c2", 0.0)]
    people = [opinions_of(both * 200, PLACE), opinions_of([Vote("b", "", "c1", "c2", 1.0)] * 300, PLACE)]
    found = assemble_prior(*parts(people), people, NAMES, SCALES, 16)
    assert all(value.isfinite().all() for value in found.state_dict().values())
