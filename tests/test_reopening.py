"""Prints go to other processes: pickled without their model, opened with it by its fingerprint, by nothing but that."""

import copy
import pickle
import pickletools

import pytest
import torch

from people import history
from tasteprint import reopening
from tasteprint.incontext.model import InContextModel
from tasteprint.posterior.model import TastePosterior
from tasteprint.posterior.prints import PosteriorPrint
from tasteprint.simulate.painter import draw_pictures, paint


@pytest.fixture(scope="module")
def posterior():
    return TastePosterior.from_pretrained("mini-posterior")


@pytest.fixture(scope="module")
def prints(model, posterior, pictures):
    """A print of each way."""
    return [way.print_of(history(3), pictures.__getitem__) for way in (model, posterior)]


def shown():
    return [paint(p.subject, p.attributes, p.seed) for p in draw_pictures(3, 9)]


def scored(taste):
    """What a process does with a print that it is given."""
    return taste.score_pictures(shown(), ["a fish"] * 3).tolist()


def test_a_copy_shares_the_model_and_scores_the_same(prints):
    for taste in prints:
        for twin in (copy.copy(taste), copy.deepcopy(taste), pickle.loads(pickle.dumps(taste))):
            assert type(twin) is type(taste) and twin.user_id == taste.user_id
            assert (
                any(twin.model is model for model in reopening._OPEN)
                and twin.fingerprint == taste.fingerprint
            )
            assert scored(twin) == scored(taste)


def test_what_is_pickled_is_the_file_and_the_name_of_one_function(prints):
    for taste in prints:
        data = pickle.dumps(taste)
        assert len(data) < len(taste.as_bytes()) + 1000
        names = [
            arg for code, arg, _ in pickletools.genops(data) if code.name in ("GLOBAL", "SHORT_BINUNICODE")
        ]
        assert "reopened" in names and "tasteprint.reopening" in names
        calls = [code.name for code, _, _ in pickletools.genops(data)]
        assert calls.count("REDUCE") == 1 and "BUILD" not in calls


def test_eight_bits_stay_eight_bits(prints):
    small = prints[0].quantized()
    back = pickle.loads(pickle.dumps(small))
    assert back.nbytes == small.nbytes and len(pickle.dumps(small)) < 0.3 * len(pickle.dumps(prints[0]))


def test_a_print_of_a_model_that_is_not_here_is_one_sentence(posterior, prints):
    data = prints[1].as_bytes()
    with pytest.raises(ValueError, match="is not open here and was saved nowhere; expected it to be open"):
        reopening.reopened(PosteriorPrint, TastePosterior, "", "0" * 64, data)
    with pytest.raises(ValueError, match="and 'mini-posterior' is now another; expected the same"):
        reopening.reopened(PosteriorPrint, TastePosterior, "mini-posterior", "0" * 64, data)
    with pytest.raises(ValueError, match="was made by another posterior"):
        PosteriorPrint.from_bytes(data, posterior.alone(posterior.config, torch.randn(9, 256).numpy()))


def test_names_last(tmp_path, monkeypatch, model):
    monkeypatch.chdir(tmp_path)
    model.save_pretrained("here")
    assert InContextModel.from_pretrained("here").source == str(tmp_path / "here")
    assert reopening.lasting_name("photos") == "photos" and reopening.lasting_name("a/b") == "a/b"
