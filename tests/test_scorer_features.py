"""General scorers made personal: each person's own weights on what several scorers say."""

import numpy as np
import pytest
import torch
from PIL import Image

from tasteprint.evaluate.baselines import logistic_of_candidates
from tasteprint.evaluate.scorer_features import ScorerFeatures
from tasteprint.types import History, Vote

SHADES = {
    f"{red} {blue}": Image.new("RGB", (4, 4), (red, 0, blue))
    for red in range(0, 250, 50)
    for blue in (0, 90, 200)
}


class Channel:
    """Scores a picture by one of its channels, and longer prompts higher."""

    def __init__(self, channel):
        self.channel, self.seen = channel, 0

    def score_pictures(self, pictures, prompts):
        self.seen += len(pictures)
        return torch.tensor(
            [p.getpixel((0, 0))[self.channel] / 255 + len(t) for p, t in zip(pictures, prompts, strict=True)]
        )


def test_each_candidate_is_scored_once_by_each():
    red, blue = Channel(0), Channel(2)
    features = ScorerFeatures([red, blue], SHADES.__getitem__)
    rows = features([("50 90", ""), ("0 200", "ab"), ("50 90", "")])
    assert np.allclose(rows, [[50 / 255, 90 / 255], [2, 2 + 200 / 255], [50 / 255, 90 / 255]])
    assert np.allclose(features([("0 200", "ab")]), rows[1:2]) and features([]).shape == (0, 2)
    assert red.seen == blue.seen == 2
    with pytest.raises(ValueError, match="there are no scorers to make features of; expected at least one"):
        ScorerFeatures([], SHADES.__getitem__)


def test_people_weigh_scorers_by_their_own_votes():
    features = ScorerFeatures([Channel(0), Channel(2)], SHADES.__getitem__)
    predictor = logistic_of_candidates(features, [(name, "") for name in SHADES])
    likes_red = History("r", (Vote("r", "", "200 0", "0 200", 1.0), Vote("r", "", "50 200", "150 90", 0.0)))
    likes_blue = History("b", tuple(Vote("b", "", v.disliked, v.liked, 1.0) for v in likes_red.votes))
    asked = [("200 90", ""), ("50 90", ""), ("50 200", "")]
    red, blue, nobody = predictor([likes_red, likes_blue, History("n")], [asked] * 3)
    assert red[0] > red[1] > red[2] and blue[0] < blue[1] < blue[2]
    assert np.allclose(red, -blue, atol=1e-4) and not nobody.any()
