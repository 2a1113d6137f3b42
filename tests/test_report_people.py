"""What a report shows of a model: parts that either way can give, and why the posterior sees a person so."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from tasteprint.cli.demo import _guided
from tasteprint.config import GuideConfig, load_config
from tasteprint.data.build import build
from tasteprint.data.dataset import Dataset
from tasteprint.data.histories import fixed_examples, split_users
from tasteprint.data.mapping import load_mapping
from tasteprint.guide.reno import guide, noises
from tasteprint.guide.rewards import Reward, minus_margin
from tasteprint.posterior.model import TastePosterior
from tasteprint.report import people as report_people
from tasteprint.report.generation import picture_of
from tasteprint.report.guided_pictures import farthest, guidance_of
from tasteprint.report.html import write_page
from tasteprint.report.page import Page
from tasteprint.report.people import ordered_memberships, person_pages, taste_cards, with_reasons
from tasteprint.simulate.log import write_log
from tasteprint.simulate.world import WorldConfig
from tasteprint.types import History
from tasteprint.vision.feature_store import FeatureStore
from tastes import SMALL, colour_encoder

pytestmark = pytest.mark.numerical

HISTORY_LENGTH = 4


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    config = WorldConfig(people=24, votes=20, pictures={"train": 80, "validation": 60, "test": 60}, size=16)
    shares = load_config("posterior", ("data.validation=0.17", "data.test=0.17")).data
    write_log(folder / "log", config, lambda users: split_users(users, shares.validation, shares.test, 0))
    build(
        str(folder / "log/votes.csv"), folder / "data", load_mapping(folder / "log/mapping.toml"), shares, 0
    )
    return Dataset(folder / "data")


@pytest.fixture(scope="module")
def posterior(dataset):
    encoder = colour_encoder()
    store = FeatureStore(dataset.folder / "features", encoder, dataset.images.open)
    config = replace(SMALL, components=3)
    train = dataset.votes_by_user("train")
    return TastePosterior.fit(train, config, encoder=encoder, embeddings=store.rows)


@pytest.fixture(scope="module")
def people(posterior, dataset):
    return person_pages(posterior, dataset, HISTORY_LENGTH, 0)


@pytest.fixture(scope="module")
def examples(dataset):
    return fixed_examples(dataset.votes_by_user("test"), HISTORY_LENGTH, 6, 0)[0]


def print_of(posterior, dataset, example, without=()):
    votes = tuple(vote for i, vote in enumerate(example.history.votes) if i not in without)
    return posterior.print_of(History(example.history.user_id, votes), dataset.images.open)


def probabilities(person, dataset, votes):
    first, second = ([dataset.images.open(vote.images[side]) for vote in votes] for side in (0, 1))
    return person.prefers(first, second).double()


def test_a_pair_has_the_probability_of_the_choice_and_q_is_the_sigmoid_of_the_score(
    posterior, dataset, people, examples
):
    for page, example in zip(people, examples, strict=False):
        person = print_of(posterior, dataset, example)
        assert [pair.probability for pair in page.pairs] == pytest.approx(
            probabilities(person, dataset, example.targets).tolist(), abs=1e-6
        )
        scores = person.score_pictures([pair.second.image for pair in page.pairs])
        assert [pair.second.q for pair in page.pairs] == pytest.approx(scores.sigmoid().tolist(), abs=1e-6)


def test_reasons_are_what_leaving_one_vote_out_takes_from_the_log_odds(posterior, dataset, people, examples):
    page, example = people[0], examples[0]
    whole = torch.logit(probabilities(print_of(posterior, dataset, example), dataset, example.targets))
    lost = [
        whole
        - torch.logit(probabilities(print_of(posterior, dataset, example, {i}), dataset, example.targets))
        for i in range(HISTORY_LENGTH)
    ]
    for place, pair in enumerate(page.pairs):
        influence = {page.history.index(reason.choice): reason.influence for reason in pair.reasons}
        expected = sorted(range(HISTORY_LENGTH), key=lambda i: -abs(lost[i][place]))[:3]
        expected = [i for i in expected if abs(lost[i][place]) >= 0.05]
        assert list(influence) == expected
        assert list(influence.values()) == pytest.approx([float(lost[i][place]) for i in expected], abs=1e-4)
    assert any(pair.reasons for pair in page.pairs)


def test_members_are_those_of_the_print_in_the_order_of_the_cards(posterior, dataset, people, examples):
    cards = taste_cards(posterior, dataset)
    shares = posterior.prior.log_weights.exp().tolist()
    assert [card.share for card in cards] == sorted(shares, reverse=True)
    person = print_of(posterior, dataset, examples[0])
    order = [shares.index(card.share) for card in cards]
    assert ordered_memberships(person) == pytest.approx([float(person.memberships[taste]) for taste in order])
    assert all(sum(page.memberships) == pytest.approx(1) for page in people)


def test_cards_show_what_the_centre_of_a_taste_likes_most_and_least(posterior, dataset):
    cards = taste_cards(posterior, dataset)
    votes = [vote for said in dataset.votes_by_user("train").values() for vote in said]
    names = sorted({name for vote in votes for name in vote.images})
    assert cards[0].among == len(names)
    prior = posterior.prior
    shared, features = posterior.utilities(posterior.encoder.embed_pictures(map(dataset.images.open, names)))
    taste = int(prior.log_weights.argmax())
    utility = shared + features @ prior.means[taste]
    for scored, place in ((cards[0].most[0], utility.argmax()), (cards[0].least[0], utility.argmin())):
        assert scored.image.tobytes() == dataset.images.open(names[place]).tobytes()
    assert all(len(card.most) == len(card.least) == 6 for card in cards)


def test_of_many_pictures_a_seeded_sample_is_looked_at(posterior, dataset, monkeypatch):
    monkeypatch.setattr(report_people, "SAMPLE", 10)
    one, same, other = (taste_cards(posterior, dataset, seed) for seed in (1, 1, 2))
    assert one[0].among == 10 and len(one[0].most) == 5
    pixels = [[scored.image.tobytes() for scored in cards[0].most] for cards in (one, same, other)]
    assert pixels[0] == pixels[1] != pixels[2]


def test_the_parts_make_a_page(posterior, dataset, people, tmp_path):
    page = Page("people", (), people, tastes=taste_cards(posterior, dataset), main="accuracy.posterior")
    write_page(tmp_path / "report.html", page)
    text = (tmp_path / "report.html").read_text("utf-8")
    assert text.count('class="taste"') == 3 and text.count("Which of the learned tastes this person has") == 3


def test_an_in_context_model_shows_q_alone(model, dataset):
    page = person_pages(model, dataset, HISTORY_LENGTH, 0)[0]
    assert page.memberships == () and len(page.history) == HISTORY_LENGTH
    assert all(pair.probability is None and pair.reasons == () and pair.first.q for pair in page.pairs)


def test_without_pairs_there_is_nothing_to_explain(posterior, dataset, examples):
    assert with_reasons(print_of(posterior, dataset, examples[0]), (), {}) == ()


def test_a_dataset_without_images_has_no_cards(posterior, dataset):
    blind = copy.copy(dataset)
    blind.summary = replace(dataset.summary, has_images=False)
    with pytest.raises(ValueError, match=r"has no images; expected some: "):
        taste_cards(posterior, blind)


SHAPE, STEPS = (3, 4, 4), GuideConfig(steps=6)


def light(noise, prompt):
    """A generator whose pictures are the noise, one of the two prompts in negative."""
    return noise.sigmoid() if prompt == "a house" else 1 - noise.sigmoid()


@pytest.fixture(scope="module")
def made(posterior, dataset):
    return guidance_of(posterior, light, SHAPE, dataset, HISTORY_LENGTH, 3, STEPS)


def test_the_farthest_are_the_ends_of_the_longest_distance_then_who_is_far_from_both():
    line = torch.tensor([[0.0], [1.0], [10.0], [4.0]])
    assert farthest(line, 3) == [0, 2, 3]  # 4 is 4 from its nearest, 1 is 1
    assert farthest(line[:2], 3) == farthest(torch.zeros(2, 1), 3) == [0, 1]


def prints(posterior, dataset, made):
    examples = {
        e.history.user_id: e for e in fixed_examples(dataset.votes_by_user("test"), HISTORY_LENGTH, 1, 3)[0]
    }
    return [print_of(posterior, dataset, examples[person.user_id]) for person in made.people]


def test_pictures_of_one_noise_are_guided_for_each_as_for_them_alone(posterior, dataset, made):
    assert [row.prompt for row in made.prompts] == ["a house", "a fish"] and made.steps == 6
    people = prints(posterior, dataset, made)
    assert len({who.user_id for who in people}) == 3
    for row in made.prompts:
        unguided = light(next(noises(SHAPE, [3])), row.prompt)
        assert row.unguided.image.tobytes() == picture_of(unguided[0]).tobytes()
        for i, who in enumerate(people):
            alone = [Reward("own", who, 0.75, minus_margin)]
            *_, last = guide(light, row.prompt, next(noises(SHAPE, [3])), alone, STEPS)
            best = last.best.seen.images
            together, apart = (
                np.asarray(p).astype(int) for p in (row.guided[i].picture.image, picture_of(best[0]))
            )
            assert np.abs(together - apart).max() <= 1  # bytes; a batch may round otherwise than one
            expected = [float(other.prefers(best, unguided)) for other in people]
            assert row.guided[i].probabilities == pytest.approx(expected, abs=1e-5)
            assert row.guided[i].probabilities[i] > 0.5


def test_of_what_a_person_took_the_most_fitting_are_shown(posterior, dataset, made):
    for person, who in zip(made.people, prints(posterior, dataset, made), strict=True):
        took = [dataset.images.open(vote.liked) for vote in who.opinions]
        scores = who.score_pictures(took).tolist()
        ordered = [took[i] for i in sorted(range(len(took)), key=lambda i: -scores[i])]
        assert [s.image.tobytes() for s in person.liked] == [image.tobytes() for image in ordered[:4]]


def test_the_same_seed_makes_the_same_pictures(posterior, dataset, made):
    again = guidance_of(posterior, light, SHAPE, dataset, HISTORY_LENGTH, 3, STEPS)
    assert [[g.probabilities for g in row.guided] for row in again.prompts] == [
        [g.probabilities for g in row.guided] for row in made.prompts
    ]


@pytest.mark.parametrize("fault", ["images", "votes"])
def test_guided_pictures_need_pictures_and_people_who_voted(posterior, dataset, fault):
    blind = copy.copy(dataset)
    if fault == "images":
        blind.summary = replace(dataset.summary, has_images=False)
    with pytest.raises(ValueError, match=r"; expected some(one)?: "):
        guidance_of(posterior, light, SHAPE, blind, 99 if fault == "votes" else HISTORY_LENGTH, 3, STEPS)


def test_without_a_generator_the_demo_says_so_and_goes_on(posterior, dataset, capsys):
    assert _guided(posterior, dataset, load_config(), "no-such-generator") is None
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "are left out: generator 'no-such-generator' is not known" in said
