"""A scorer's taste that a person alone may share: its number beside the eye's, its scale by their answers."""

import math
from types import SimpleNamespace

import pytest
import torch
from PIL import Image
from torch import nn

from tasteprint.config import PosteriorConfig
from tasteprint.library.rank import rank
from tasteprint.posterior.alone import SCALES, TRUST, TRUST_SPREAD, AlonePrior, ScaleMixture
from tasteprint.posterior.model import TastePosterior
from tasteprint.posterior.verdict import SIDE, ScoringEncoder, scorer_fingerprint
from tasteprint.types import History, Vote
from tastes import COLOURS, colour_encoder, fitted, picture

pytestmark = pytest.mark.numerical


class Redness:
    """Scores how red an image is, in a unit of its own; counts how often it looked."""

    def __init__(self, unit=50.0, weights=0.0):
        self.unit, self.looks, self.sizes = unit, 0, []
        self.head = nn.Linear(1, 1)
        nn.init.constant_(self.head.weight, weights)

    def score(self, images, prompts):
        assert len(prompts) == len(images)
        self.looks += 1
        self.sizes.append(tuple(images.shape[-2:]))
        return 20 + self.unit * images[:, 0].mean(dim=(1, 2))


NAMES = sorted(COLOURS)
ALONE = PosteriorConfig(prior="alone")


def open_image(name):
    return picture(name)


def sharing(scorer=None, **more):
    """The model that needs nobody, with a scorer, the pictures at hand."""
    eye = colour_encoder()
    plain = TastePosterior.alone(ALONE, eye.embed_pictures([picture(name) for name in NAMES]).numpy(), eye)
    model = plain.sharing(scorer or Redness(), **more)
    return model.at_hand(model.encoder.embed_pictures([picture(name) for name in NAMES]).numpy())


def votes(likes, count, against=False):
    """Choices of somebody who takes the picture that has more of a colour (0 red, 1 green), or less of it."""
    pairs = zip(NAMES[:count], NAMES[-count:], strict=True)
    more = [(a, b) if (COLOURS[a][likes] > COLOURS[b][likes]) != against else (b, a) for a, b in pairs]
    return History("me", tuple(Vote("me", "", a, b, 1.0) for a, b in more))


def test_a_verdict_is_the_last_number_of_an_embedding_and_has_gradients():
    eye, encoder = colour_encoder(), ScoringEncoder.of(colour_encoder(), Redness())
    some = [picture(name) for name in NAMES[:70]]
    rows = encoder.embed_pictures(some)
    assert rows.shape == (40, 4) and encoder.width == 4
    torch.testing.assert_close(rows[:, :3], eye.embed_pictures(some))
    torch.testing.assert_close(rows[:, 3], 20 + 50 * rows[:, 0])
    images = torch.rand(2, 3, 5, 7, requires_grad=True)
    encoder.embed(images)[:, 3].sum().backward()
    assert images.grad[:, 0].allclose(torch.tensor(50 / 35)) and not images.grad[:, 1:].any()
    assert encoder.embed_pictures([]).shape == encoder.embed(torch.zeros(0, 3, 4, 4)).shape == (0, 4)


def test_pictures_are_judged_no_larger_than_a_scorer_looks():
    scorer = Redness()
    encoder = ScoringEncoder.of(colour_encoder(), scorer)
    shapes = [(600, 1200), (100, 30), (SIDE, 2000)]
    for shape in shapes:
        encoder.embed_pictures([Image.new("RGB", shape)])
    assert scorer.sizes == [(1024, 512), (30, 100), (2000, 512)]
    assert encoder.side == SIDE


def test_before_any_answer_the_verdict_decides_and_as_surely_as_is_stated():
    """With b of mean and deviation 0.4, s of 2, 4 and 8: each component's chance by hand, for 2 deviations apart."""
    model = sharing()
    taste = model.print_of(History("me"), open_image)
    scores = taste.score_pictures([picture(name) for name in NAMES])
    reds = torch.tensor([float(COLOURS[name][0]) for name in NAMES])
    assert scores.argsort().tolist() == reds.argsort().tolist()
    prior = ScaleMixture(3, judged=True)
    for scale, mean, spread in zip(SCALES, prior.means, prior.spread, strict=True):
        assert mean.tolist() == pytest.approx([TRUST * scale, 0, 0])
        assert spread.tolist() == pytest.approx([TRUST_SPREAD * scale, scale, scale])
    stretch = [(1 + 3 * (s / math.pi) ** 2 * 1.32) ** 0.5 for s in SCALES]
    assert prior.stretch.tolist() == pytest.approx(stretch)


@pytest.mark.parametrize("unit", [0.01, 1.0, 3000.0])
def test_the_unit_of_a_scorer_does_not_matter(unit):
    pictures = [picture(name) for name in NAMES]
    one, other = (
        sharing(Redness(of)).print_of(votes(1, 8), open_image).score_pictures(pictures) for of in (unit, 50.0)
    )
    torch.testing.assert_close(one, other, atol=2e-2, rtol=0)


def test_answers_say_how_much_a_person_shares():
    """Who takes the redder follows the scorer more, who takes the less red turns against it."""
    model = sharing()
    weight = {
        name: float(model.print_of(history, open_image).belief.taste[0])
        for name, history in {
            "none": History("me"),
            "with": votes(0, 12),
            "against": votes(0, 12, against=True),
        }.items()
    }
    assert weight["against"] < 0 < weight["none"] < weight["with"]
    assert weight["none"] == pytest.approx(TRUST * sum(s * share for s, share in SCALES.items()))


def test_few_answers_are_foretold_better_with_the_scorer_that_is_right():
    pairs = [(a, b) for a in NAMES for b in NAMES if COLOURS[a][0] > COLOURS[b][0] + 20]
    a, b = ([picture(pair[side]) for pair in pairs] for side in (0, 1))
    eye = colour_encoder()
    plain = TastePosterior.alone(ALONE, eye.embed_pictures([picture(name) for name in NAMES]).numpy(), eye)
    hits = [
        (model.print_of(votes(0, 2), open_image).prefers(a, b) > 0.5).float().mean()
        for model in (sharing(), plain)
    ]
    assert hits[0] > hits[1]


def test_a_scorer_whose_word_is_always_the_same_changes_nothing():
    class Same:
        def score(self, images, prompts):
            return images.new_full((len(images),), 7.0)

    pictures = [picture(name) for name in NAMES]
    eye = colour_encoder()
    plain = TastePosterior.alone(ALONE, eye.embed_pictures(pictures).numpy(), eye)
    with_it = sharing(Same()).print_of(votes(1, 6), open_image).score_pictures(pictures)
    without = plain.print_of(votes(1, 6), open_image).score_pictures(pictures)
    assert with_it.argsort().tolist() == without.argsort().tolist()


def test_before_pictures_are_at_hand_the_verdict_counts_nothing():
    eye = colour_encoder()
    pictures = [picture(name) for name in NAMES]
    plain = TastePosterior.alone(ALONE, eye.embed_pictures(pictures).numpy(), eye)
    waiting = plain.sharing(Redness())
    assert not waiting.print_of(History("me"), open_image).score_pictures(pictures).any()
    again = waiting.sharing(Redness())  # another scorer takes the place of the first
    assert again.encoder.width == waiting.encoder.width == 4


def test_a_print_of_another_log_is_asked_by_its_embeddings_where_the_encoder_is_the_same():
    other = fitted()
    nobody = other.print_of(History("nobody"), open_image)
    encoder = ScoringEncoder.of(colour_encoder(), nobody)
    pictures = [picture(name) for name in NAMES]
    torch.testing.assert_close(encoder.embed_pictures(pictures)[:, 3], nobody.score_pictures(pictures))
    foreign = ScoringEncoder.of(colour_encoder("other", 2), nobody)
    torch.testing.assert_close(foreign.embed_pictures(pictures)[:, 2], nobody.score_pictures(pictures))


def test_scorers_are_told_apart_by_weights_and_prompt():
    one, same, other = Redness(), Redness(), Redness(weights=1.0)
    nn.init.zeros_(one.head.bias), nn.init.zeros_(same.head.bias), nn.init.zeros_(other.head.bias)
    assert scorer_fingerprint(one) == scorer_fingerprint(same) != scorer_fingerprint(other)
    one.fingerprint, one.user_id = "abc", "eve"  # a print names itself and its person
    assert scorer_fingerprint(one) == "abc eve"
    del one.fingerprint
    prints = {ScoringEncoder.of(colour_encoder(), one, words).fingerprint for words in ("", "a cat")}
    assert len(prints | {colour_encoder().fingerprint}) == 3


def test_saved_and_opened_with_its_scorer(tmp_path, monkeypatch):
    model = sharing(prompt="a cat")
    monkeypatch.setattr(
        "tasteprint.posterior.storage.ImageEncoder.from_pretrained", lambda name: colour_encoder()
    )
    model.save_pretrained(tmp_path)
    scorer = Redness()
    scorer.head.load_state_dict(model.encoder.scorer.head.state_dict())
    again = TastePosterior.from_pretrained(tmp_path, scorer)
    assert again.fingerprint == model.fingerprint and again.encoder.prompt == "a cat"
    with pytest.raises(ValueError, match="made with a scorer's verdicts; expected that scorer"):
        TastePosterior.from_pretrained(tmp_path)
    with pytest.raises(ValueError, match="another state of encoder 'colours' or of its scorer"):
        TastePosterior.from_pretrained(tmp_path, Redness(weights=1.0))


def test_extended_and_saved_prints_are_those_of_all_at_once(tmp_path):
    model = sharing()
    whole = model.print_of(votes(1, 10), open_image)
    first = votes(1, 10).votes[:4]
    grown = model.print_of(History("me", first), open_image).extended(votes(1, 10).votes[4:], open_image)
    pictures = [picture(name) for name in NAMES]
    torch.testing.assert_close(
        grown.score_pictures(pictures), whole.score_pictures(pictures), atol=5e-3, rtol=0
    )
    whole.save(tmp_path / "me.safetensors")
    again = type(whole).load(tmp_path / "me.safetensors", model)
    torch.testing.assert_close(again.score_pictures(pictures), whole.score_pictures(pictures))


def test_a_prior_of_many_people_takes_no_scorer():
    with pytest.raises(ValueError, match=r"learned from other people has their shared taste.*open 'photos'"):
        fitted().sharing(Redness())


def test_two_columns_are_enough_for_a_verdict_of_a_prior():
    rows = torch.tensor([[0.0, 1.0], [1.0, 3.0], [2.0, 5.0]])
    _, features = AlonePrior.of(rows, torch.tensor([1.0, 0.0]), judged=True).utilities(rows)
    assert features[:, 0].tolist() == pytest.approx([-1, 0, 1])


@pytest.fixture
def folder(tmp_path):
    for name in NAMES[:12]:
        picture(name).save(tmp_path / f"{name}.png")
    return tmp_path


def test_ranking_with_a_scorer(folder, monkeypatch, tmp_path_factory):
    """With one like, far from enough to know a person, the order is the scorer's."""
    monkeypatch.setenv("TASTEPRINT_CACHE", str(tmp_path_factory.mktemp("cache")))
    eye = colour_encoder()
    plain = TastePosterior.alone(ALONE, eye.embed_pictures([picture(name) for name in NAMES]).numpy(), eye)
    scorer = Redness()
    reddest = max(NAMES[:12], key=lambda name: COLOURS[name][0])
    found = rank(folder, liked=folder / f"{reddest}.png", model=plain, shared=scorer)
    assert found.pictures[0].path.stem == reddest and scorer.looks == 12
    again = rank(folder, liked=folder / f"{reddest}.png", model=plain, shared=scorer)
    assert scorer.looks == 12  # verdicts are kept with what the eye saw
    assert [one.path for one in again.pictures] == [one.path for one in found.pictures]
    with pytest.raises(ValueError, match="this model can't share a scorer's taste"):
        rank(folder, liked=folder, model=SimpleNamespace(), shared=scorer)
