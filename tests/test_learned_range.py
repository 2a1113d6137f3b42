"""A model says once, in a sentence, that it is asked about what it did not learn from; commands take one that did."""

import warnings

import pytest
import torch

from tasteprint.cli.steering import fitting_model
from tasteprint.incontext.model import InContextModel
from tasteprint.learned_range import MANY, LearnedRange, OutOfRange, RangeWatch
from tasteprint.methods import open_model
from tasteprint.simulate.taxonomy import SUBJECTS, prompt
from tasteprint.types import History, Vote

FEW = LearnedRange(votes=4, prompts=("a cup", "a fish"), pictures="painted pictures", side=48)


def told(ask):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        ask()
    return [str(one.message) for one in said if issubclass(one.category, OutOfRange)]


@pytest.mark.parametrize(
    ("learned", "asked", "strange"),
    [
        (FEW, ["a cup", "a fish"], None),
        (FEW, ["a cup", "a dog"], "a dog"),
        (FEW, ["a cup", ""], ""),
        (FEW, [None], ""),
        (FEW, [], None),
        (LearnedRange(), ["anything", ""], None),
        (LearnedRange.of(8, [str(n) for n in range(MANY + 1)]), ["anything"], None),
        (LearnedRange.of(8, [str(n) for n in range(MANY + 1)]), ["anything", ""], ""),
        (LearnedRange.of(8, ["", "a"]), ["", "a"], None),
    ],
)
def test_prompts_that_were_not_learned(learned, asked, strange):
    assert learned.strange_prompt(asked) == strange and learned.knows_prompts(asked) == (strange is None)
    assert LearnedRange.from_record(learned.as_record()) == learned


def test_each_kind_is_said_once():
    watch = RangeWatch(FEW, "mini")
    assert not told(
        lambda: (watch.votes(4), watch.prompts(["a cup"]), watch.pictures([(48, 48), (192, 100)]))
    )
    (longer,) = told(lambda: watch.votes(5))
    assert longer.startswith(
        "model mini: it learned from histories of at most 4 votes and reads 5: it may do no better"
    )
    assert "'a dog', which it never met" in told(lambda: watch.prompts(["a dog"]))[0]
    (large,) = told(lambda: watch.pictures([(4000, 3000)]))
    assert "painted pictures of 48 pixels and sees one of 4000 x 3000" in large
    assert not told(lambda: (watch.votes(9), watch.prompts([""]), watch.pictures([(9999, 1)])))


@pytest.mark.parametrize(
    "said", [[1], "x", {"votes": -1}, {"prompts": "a"}, {"prompts": [1]}, {"more": 1}, 3]
)
def test_a_record_of_another_form_is_one_sentence(said):
    with pytest.raises(ValueError, match="expected"):
        LearnedRange.from_record(said)


def votes(count, words):
    return tuple(Vote("u", words, str(n), str(n + 20), 1.0) for n in range(count))


def test_the_bundled_model_knows_its_range(pictures):
    mini = InContextModel.from_pretrained("mini")
    assert mini.range.learned.prompts == tuple(sorted(map(prompt, SUBJECTS)))
    assert not told(lambda: mini.print_of(History("u", votes(16, "a fish")), pictures.__getitem__))
    longer = told(lambda: mini.print_of(History("u", votes(17, "")), pictures.__getitem__))
    assert (
        len(longer) == 2 and "at most 16 votes and reads 17" in longer[0] and "without a prompt" in longer[1]
    )
    large = [pictures["0"].resize((900, 600))]
    assert "of 900 x 600" in told(lambda: mini.print_of(History("u")).score_pictures(large, ["a cup"]))[0]


def test_posteriors_read_any_prompt_and_length(pictures):
    posterior = open_model("mini-posterior")
    assert not told(lambda: posterior.print_of(History("u", votes(19, "?")), pictures.__getitem__))
    taste = posterior.print_of(History("u"))
    assert "of 600 x 900" in told(lambda: taste.score(torch.rand(1, 3, 900, 600), []))[0]
    photos = open_model("photos").print_of(History("u"))
    assert not told(lambda: photos.score_pictures([pictures["0"].resize((900, 600))]))


def test_the_range_is_kept_with_the_weights(model, tmp_path, network):
    network.learned = FEW
    network.save_pretrained(tmp_path / "m")
    assert InContextModel.from_pretrained(tmp_path / "m").range.learned == FEW
    assert model.range.learned == LearnedRange()


@pytest.mark.parametrize(
    ("generator", "asked", "count", "words", "fits"),
    [
        ("mini-generator", "a fish", 8, "a cup", "mini"),
        ("mini-generator", "a fish", 8, "", "mini-posterior"),
        ("mini-generator", "a dog", 8, "a cup", "mini-posterior"),
        ("mini-generator", "a fish", 17, "a cup", "mini-posterior"),
        ("mini-generator", "a fish", 0, "", "mini"),
        ("sd-turbo", "a fish", 8, "a cup", "photos"),
    ],
)
def test_the_command_takes_a_model_that_fits(generator, asked, count, words, fits):
    assert fitting_model(generator, asked, History("u", votes(count, words))) == fits
