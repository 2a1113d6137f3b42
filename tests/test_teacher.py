"""A taste posterior as teacher: what it knows, where that is read, and what they add to the paper's losses."""

import copy
import random

import numpy as np
import pytest
import torch

from tasteprint.config import StageConfig, TeacherConfig, load_config
from tasteprint.evaluate.predictors import target_candidates
from tasteprint.incontext.loss import margin, preference_loss
from tasteprint.incontext.network import AnswerLogits
from tasteprint.incontext.packing import collate, pack_example
from tasteprint.posterior.model import TastePosterior
from tasteprint.posterior.predictor import PosteriorPredictor
from tasteprint.train.distillation import moments
from tasteprint.train.objective import Objective
from tasteprint.train.teacher import Teacher
from tasteprint.types import Example, History, Vote
from tastes import COLOURS, embeddings, fitted, picture

pytestmark = pytest.mark.numerical

NAMES = sorted(COLOURS)
FIRST = load_config("mini").stage1


@pytest.fixture(scope="module")
def posterior():
    return fitted()


def teacher_of(posterior, network, **settings):
    torch.manual_seed(1)
    return Teacher.of(posterior, NAMES, embeddings, network.backbone, TeacherConfig(**settings))


def an_example(user, earlier, later, likes=0):
    """Someone who takes the redder (0) or the greener (1) of two pictures; no picture comes twice."""
    order = random.Random(user).sample(NAMES, 2 * (earlier + later))
    votes = [
        Vote(user, "a colour", a, b, float(COLOURS[a][likes] > COLOURS[b][likes]))
        for a, b in zip(order[0::2], order[1::2], strict=True)
    ]
    return Example(History(user, tuple(votes[:earlier])), tuple(votes[earlier:]))


PEOPLE = [
    an_example("long", 5, 2),
    an_example("none", 0, 3),
    an_example("short", 1, 1, 1),
    an_example("me", 3, 2, 1),
]


def batch_of(examples, network, teacher=None):
    rows = [pack_example(example, network.encoder, len(network.tokens)) for example in examples]
    batch, names = collate(rows, network.pad_id)
    batch |= teacher.images(names) if teacher else {}
    with torch.no_grad():
        features = network.backbone.image_features(network.pixels([picture(name) for name in names]))
    return {**batch, "image_features": features}


def test_what_a_teacher_knows_agrees_with_the_posterior_read_alone(posterior, network):
    """People of 5, 0, 1 and 3 votes in one batch, against a print of each person and of each prefix of their votes."""
    teacher = teacher_of(posterior, network)
    batch = batch_of(PEOPLE, network, teacher)
    known = teacher.targets(batch)
    asked = [target_candidates(example) for example in PEOPLE]
    margins = PosteriorPredictor(posterior, embeddings).pairs([example.history for example in PEOPLE], asked)
    odds = torch.from_numpy(np.concatenate(margins)).reshape(-1, 2)
    assert torch.allclose(known.probabilities.double(), (odds[:, 0] - odds[:, 1]).sigmoid(), atol=1e-5)
    prefixes = [example.history.votes[: k + 1] for example in PEOPLE for k in range(len(example.history))]
    prints = posterior.prints_of([History("u", votes) for votes in prefixes], embeddings=embeddings)
    mean, deviation = moments(posterior.prior)
    assert len(known.shares) == len(known.tastes) == len(prints) == 9
    for shares, taste, alone in zip(known.shares, known.tastes, prints, strict=True):
        assert torch.allclose(shares.exp().double(), alone.memberships, atol=1e-5)
        assert torch.allclose(taste.double(), (alone.belief.taste - mean) / deviation, atol=1e-5)


def test_utilities_are_those_of_every_answers_image_standardised(posterior, network):
    teacher = teacher_of(posterior, network)
    known = teacher.targets(batch_of(PEOPLE, network, teacher))
    told = [name for example in PEOPLE for vote in example.history.votes for name in vote.images]
    asked = [name for example in PEOPLE for name, _ in target_candidates(example)]
    prior = posterior.prior

    def of(names):
        images = posterior.images(names, embeddings)
        shared, features = images.shared, images.features
        tastes = shared[:, None] + features @ prior.means.T
        return torch.cat([tastes, features * prior.spread.float()], dim=1)

    everything = of(NAMES)
    expected = (of([*told, *asked]) - everything.mean(dim=0)) / everything[:, :2].std(dim=0).mean()
    assert torch.allclose(known.utilities, expected, atol=1e-5)


def test_a_teacher_of_people_without_votes(posterior, network):
    teacher = teacher_of(posterior, network)
    nobody = [an_example("a", 0, 2), an_example("b", 0, 1)]
    known = teacher.targets(batch_of(nobody, network, teacher))
    assert len(known.shares) == len(known.tastes) == 0 and len(known.probabilities) == 3
    mine = Objective(copy.deepcopy(network), FIRST, teacher)
    out = mine(**batch_of(nobody, network, teacher))
    out["loss"].backward()
    assert torch.isfinite(out["loss"]) and out["posterior"] == 0


def test_what_is_read_where(posterior, network):
    """Utilities where an answer is predicted; a posterior at the last answer of a vote, and nowhere else."""
    teacher = teacher_of(posterior, network)
    batch = batch_of(PEOPLE, network, teacher)
    early, late = (torch.randn(*batch["input_ids"].shape, 128, requires_grad=True) for _ in range(2))
    out = AnswerLogits(torch.zeros(16, 3), torch.zeros(18, 3), (early, late))
    loss = teacher.loss(batch, out, torch.zeros(8, 2))
    (loss.utility + loss.posterior).backward()
    assert loss.soft_label.item() == pytest.approx(np.log(2), abs=1e-6)
    predicted, answered = (
        {tuple(place) for place in layer.grad.any(dim=-1).nonzero().tolist()} for layer in (early, late)
    )
    places = [tuple(place) for place in [*batch["context"].tolist(), *batch["targets"].tolist()]]
    assert predicted == set(places)
    second = [(row, column + 1) for row, column in batch["context"][1::2].tolist()]
    assert answered == set(second)
    assert {int(batch["input_ids"][place]) for place in second} == set(network.answers)


def test_every_readout_learns(posterior, network):
    teacher = teacher_of(posterior, network)
    mine = Objective(copy.deepcopy(network), FIRST, teacher)
    out = mine(**batch_of(PEOPLE, network, teacher))
    out["loss"].backward()
    assert all(out[name] > 0 for name in ("utility", "posterior", "soft_label", "base", "plus", "minus"))
    for readout in (teacher.utility, teacher.share, teacher.taste):
        assert readout.weight.grad.abs().max() > 0
    steps = {name for name, p in mine.named_parameters() if p.requires_grad and "network." not in name}
    # The teacher's own prior stays.
    assert steps == {
        f"teacher.{part}.{kind}" for part in ("utility", "share", "taste") for kind in ("weight", "bias")
    }


def test_without_a_teacher_the_loss_is_the_papers(posterior, network):
    stage = StageConfig(contrastive=0.5, history_labels=0.25)
    batch = batch_of(PEOPLE, network)
    out = Objective(network, stage)(**batch)
    said = network(**batch)
    pairs = said.targets.unflatten(0, (-1, 2))
    parts = preference_loss(pairs, said.context, batch["context_liked"], network.answers)
    by_hand = parts.base + 0.5 * (parts.plus + parts.minus) + 0.25 * parts.history
    assert torch.equal(out["loss"], by_hand)
    assert set(out) == {"loss", "base", "plus", "minus", "history", "train_accuracy"}


def test_a_teacher_without_weight_changes_nothing(posterior, network):
    """Three steps, with no teacher and with one whose weights are 0: the same losses, gradients and network."""
    trained = []
    for settings in (None, {"utility_weight": 0.0, "posterior_weight": 0.0, "soft_label_weight": 0.0}):
        mine = copy.deepcopy(network).train()
        teacher = None if settings is None else teacher_of(posterior, network, **settings)
        objective = Objective(mine, FIRST, teacher)
        moving = [p for p in objective.parameters() if p.requires_grad]
        optimizer, losses = torch.optim.SGD(moving, lr=0.1), []
        for _ in range(3):
            losses.append(objective(**batch_of(PEOPLE, mine, teacher))["loss"])
            optimizer.zero_grad()
            losses[-1].backward()
            optimizer.step()
        grads = [p.grad for p in mine.parameters() if p.grad is not None]
        trained.append([*map(torch.detach, losses), *grads, *mine.state_dict().values()])
    for one, other in zip(*trained, strict=True):  # two threads do not sum the same gradient alike twice
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)
    assert trained[0][0] != trained[0][2], "something was learned"


def test_with_a_teacher_its_terms_are_weighed_and_added(posterior, network):
    teacher = teacher_of(posterior, network, utility_weight=2.0, posterior_weight=0.5, soft_label_weight=4.0)
    batch = batch_of(PEOPLE, network, teacher)
    with torch.no_grad():
        alone, taught_too = Objective(network, FIRST)(**batch), Objective(network, FIRST, teacher)(**batch)
        said = network(**batch, layers=(2, 4))
        parts = teacher.loss(batch, said, margin(said.targets.unflatten(0, (-1, 2)), network.answers))
    more = 2 * parts.utility + 0.5 * parts.posterior + 4 * parts.soft_label
    assert taught_too["loss"].item() == pytest.approx((alone["loss"] + more).item(), rel=1e-6)
    assert [taught_too[name].item() for name in parts._fields] == pytest.approx(
        [part.item() for part in parts]
    )


def test_a_teacher_that_learned_from_other_images_is_refused(posterior, network):
    others = ["x", "y", "z"]
    with pytest.raises(
        ValueError, match=r"^the taste posterior learned from other images, none of these 3; .*\.$"
    ):
        Teacher.of(posterior, others, lambda names: embeddings(NAMES[:3]), network.backbone, TeacherConfig())
    posterior.expect_known(["x", NAMES[0]])
    TastePosterior(posterior.encoder, posterior.config, posterior.fitted).expect_known(
        others
    )  # of older files


def test_a_teacher_of_another_width_is_refused(posterior, network):
    def wider(names):
        return np.zeros((len(names), 5), np.float32)

    with pytest.raises(
        ValueError, match=r"^embeddings of shape \(40, 5\) came in; expected 3 numbers an image.*\.$"
    ):
        Teacher.of(posterior, NAMES, wider, network.backbone, TeacherConfig())


@pytest.mark.parametrize("name", ["utility_layer", "posterior_layer"])
def test_a_layer_that_the_backbone_does_not_have_is_refused(posterior, network, name):
    assert network.backbone.depth == 6
    with pytest.raises(
        ValueError, match=rf"^teacher\.{name} is 7; expected 1 to 6, the backbone's depth: .*\.$"
    ):
        teacher_of(posterior, network, **{name: 7})
    with pytest.raises(ValueError, match=f"^{name} is 0; expected a number of at least 1"):
        TeacherConfig(**{name: 0})


def test_the_first_and_the_last_layer_can_be_read(posterior, network):
    teacher = teacher_of(posterior, network, utility_layer=1, posterior_layer=6)
    with torch.no_grad():
        states = network(**batch_of(PEOPLE, network, teacher), layers=teacher.layers).layers
    assert len(states) == 2 and not torch.equal(*states)


def test_a_teacher_is_as_exact_in_a_training_in_half_precision(posterior, network):
    """Under autocast a product of float32 would have eight bits; the teacher's numbers keep all of theirs."""
    teacher = teacher_of(posterior, network)
    batch = batch_of(PEOPLE, network, teacher)
    with torch.autocast("cpu", torch.bfloat16):
        half = teacher.targets(batch)
    assert all(torch.equal(one, other) for one, other in zip(half, teacher.targets(batch), strict=True))
