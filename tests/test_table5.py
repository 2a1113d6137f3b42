"""P table 5 by one command: what can be scored here is, what cannot stays empty and is said."""

import json

import pytest
import torch

from experiments import guidance_tables, table5
from tasteprint.evaluate.results import read_results
from tasteprint.guide.generators import open_generator
from tasteprint.guide.reno import noises


class Bright:
    """Scores an image by its mean."""

    offset = 1.0

    def score(self, images, prompts):
        return images.mean(dim=(1, 2, 3))


@pytest.fixture
def measured(tmp_path, pictures, monkeypatch, capsys):
    def opened(name):
        if name == "pickscore":
            return Bright()
        raise ValueError(f"scorer {name!r} could not be read; expected weights: fetch them.")

    monkeypatch.setattr(table5, "open_scorer", opened)
    rows = ["agent,pair,prompt,left,right,choice"]
    for agent in ("a", "b"):
        rows += [
            f"{agent},{n},{('a fish', 'a cup')[n % 2]},{2 * n}.png,{2 * n + 1}.png,left" for n in range(5)
        ]
    (tmp_path / "votes.csv").write_text("\n".join(rows))
    for name in range(10):
        pictures[str(name)].save(tmp_path / f"{name}.png")
    (tmp_path / "results").mkdir()
    words = ["--generator", "mini-generator", "--model", "mini-posterior", "--votes", 3, "--prompts", 1]
    words += ["--steps", 2, "--seed", 4, "--agents", tmp_path, "--out", tmp_path]
    table5.main(list(map(str, words)))
    return tmp_path / "results/table5.json", capsys.readouterr().err


def test_what_is_scored_and_what_is_not(measured):
    file, said = measured
    figures = {figure.name: figure for figure in read_results(file)}
    assert set(figures) == {
        f"{row}.{column}"
        for row in ("unguided", "+mini-posterior")
        for column in ("pickscore", "q.mini-posterior")
    }
    generator = open_generator("mini-generator", device="cpu")
    start = next(
        noises(generator.noise_shape(), [4000, 4001])
    )  # the fourth vote's prompt, one noise a person
    by_hand = (
        Bright().score(torch.cat([generator(one[None], "a cup") for one in start]), ["a cup"] * 2).mean()
    )
    assert figures["unguided.pickscore"].value == pytest.approx(float(by_hand), abs=1e-5)
    assert figures["+mini-posterior.q.mini-posterior"].value > figures["unguided.q.mini-posterior"].value
    assert "Column clip is left empty" in said and "Column aesthetic is left empty" in said
    assert "--generator mini-generator --model mini-posterior" in json.loads(file.read_text())["command"]


def test_it_is_shown_in_the_form_of_the_paper(measured):
    head, _, unguided, ours, *published = guidance_tables.table5(read_results(measured[0])).splitlines()
    assert head == (
        "| | Aesthetic | CLIP | ImageReward | PickScore | HPS | CSD | ViPer proxy | Q of `mini-posterior` |"
    )
    assert unguided.startswith("| unguided |  |  |  | 0.") and ours.startswith(
        "| +mini-posterior |  |  |  | 0."
    )
    assert published[-1] == "| + theirs (P) | 5.99 | 34.45 | 0.60 | 22.28 | 28.49 | 0.42 | 0.84 | |"
