"""Agents as in the paper: their tastes, what is asked for them, and the folder of their images and votes."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections import Counter
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

import pipelines
from tasteprint.cli.agents import agents_app
from tasteprint.cli.data import data_app
from tasteprint.simulate.agent_set import write_agents
from tasteprint.simulate.agents import Agent, draw_agents, jaccard_distance, requests
from tasteprint.simulate.painter import PainterGenerator, paint
from tasteprint.simulate.taxonomy import (
    DIMENSIONS,
    PAPER,
    PHRASE_ENDS,
    SUBJECTS,
    attributes_from,
    describe,
    read_prompt,
)
from tasteprint.types import Generator

NOISE = torch.arange(2 * 16 * 16.0).reshape(2, 1, 16, 16)


@pytest.fixture(scope="module")
def agents():
    return draw_agents()


def agent(liked=(), disliked=(), name="someone"):
    return Agent(name, tuple(liked), tuple(disliked))


def crimson(**changed):
    """A picture whose every value but the hue is the first of its dimension."""
    return attributes_from(
        {**{d: values[0] for d, values in DIMENSIONS.items()}, "hue": "Crimson", **changed}
    )


SIDE = st.sets(st.sampled_from([(name, value) for name in PAPER for value in PAPER[name]]), max_size=12)
SIDES = st.tuples(SIDE, SIDE).map(lambda sides: (sorted(sides[0]), sorted(sides[1] - sides[0])))
"""What any agent at all likes and dislikes."""


def named_values(dimensions):
    """At most one value a dimension."""
    return st.fixed_dictionaries(
        {}, optional={name: st.sampled_from(dimensions[name]) for name in dimensions}
    )


# Agents


def test_thirty_agents_are_as_in_table_8(agents):
    assert len(agents) == 30 and len({a.name for a in agents}) == 30
    for a in agents:
        assert (len(a.liked), len(a.disliked)) == (27, 26)
        assert not set(a.liked) & set(a.disliked) and len(a.profile) == 53
        likes, dislikes = (Counter(dimension for dimension, _ in side) for side in (a.liked, a.disliked))
        assert sorted(likes.values()) == [3, 4, 4, 4, 4, 4, 4]
        assert sorted(dislikes.values()) in ([2, 4, 4, 4, 4, 4, 4], [3, 3, 4, 4, 4, 4, 4])


@given(SIDES, SIDES, SIDES)
def test_the_jaccard_distance_is_a_distance(first, second, third):
    a, b, c = (agent(*sides) for sides in (first, second, third))
    ab, bc, ac = (jaccard_distance(*pair) for pair in ((a, b), (b, c), (a, c)))
    assert ab == jaccard_distance(b, a) and 0 <= ab <= 1
    assert (ab == 0) == (a.profile == b.profile)
    assert ac <= ab + bc + 1e-12


@given(SIDES, st.fixed_dictionaries({name: st.sampled_from(DIMENSIONS[name]) for name in DIMENSIONS}))
def test_an_agents_utility_counts_its_likes_and_dislikes(sides, values):
    a = agent(*sides)
    likes, dislikes = (sum(value in side for value in values.items()) for side in (a.liked, a.disliked))
    assert a.utility(attributes_from(values)) == likes - dislikes


def test_any_two_agents_are_far_apart(agents):
    nearest = min(jaccard_distance(a, b) for a, b in combinations(agents, 2))
    assert 0.8 <= nearest < 0.9  # two random candidates are about 0.9 apart, so the nearest of 435 are below


def test_a_larger_distance_rejects_candidates():
    plain, far = draw_agents(8, distance=0.0), draw_agents(8, distance=0.88)
    assert plain[0] == far[0] and plain != far
    assert min(jaccard_distance(a, b) for a, b in combinations(far, 2)) >= 0.88
    assert min(jaccard_distance(a, b) for a, b in combinations(plain, 2)) < 0.88


def test_the_seed_decides_and_more_agents_begin_with_the_same(agents):
    assert draw_agents(5) == agents[:5]
    assert draw_agents(5, seed=1) != agents[:5]


def test_jaccard_distance_by_hand():
    a = agent([("hue", "Blue"), ("hue", "Teal")], [("detail", "Sharp")])
    b = agent([("hue", "Blue"), ("detail", "Sharp")], [("hue", "Teal")])
    assert jaccard_distance(a, a) == 0
    assert jaccard_distance(a, b) == pytest.approx(1 - 1 / 5)  # of five, only that blue is liked is shared
    assert jaccard_distance(a, agent([("hue", "Gold")])) == 1
    assert jaccard_distance(agent(), agent(name="other")) == 0


def test_utility_is_likes_minus_dislikes():
    someone = agent(
        [("hue", "Crimson"), ("style", DIMENSIONS["style"][0]), ("skill", "Graceful")],
        [("medium", "Woodcut")],
    )
    assert someone.utility(crimson()) == 2
    assert someone.utility(crimson(medium="Woodcut")) == 1
    assert someone.utility(crimson(hue="Magenta", style=DIMENSIONS["style"][1], medium="Woodcut")) == -1
    assert np.abs(someone.utilities()).sum() == 3  # no rule paints skill


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"count": 0}, "0 agents were requested; expected at least 1"),
        ({"distance": 1.1}, "the distance is 1.1; expected 0 to 1"),
        ({"distance": float("nan")}, "the distance is nan; expected 0 to 1"),
        ({"seed": -1}, "the seed is -1; expected an integer"),
        ({"seed": True}, "the seed is True; expected an integer"),
        ({"liked": 90}, "90 likes and 26 dislikes were requested; expected .* lower them"),
        ({"liked": 0}, "0 likes and 26 dislikes were requested; expected at least 1 of each"),
        (
            {"count": 9, "distance": 1.0, "liked": 49, "disliked": 49},
            "9 agents .* candidates in a row were too near",
        ),
    ],
)
def test_bad_requests_are_one_sentence(monkeypatch, request_, message):
    monkeypatch.setattr("tasteprint.simulate.agents.TRIES", 300)
    with pytest.raises(ValueError, match=message) as fault:
        draw_agents(**request_)
    assert "\n" not in str(fault.value) and str(fault.value).endswith(".")


@pytest.mark.parametrize(
    ("liked", "disliked", "message"),
    [
        ([("hue", "Ultraviolet")], [], "names 'hue' 'Ultraviolet'; expected"),
        ([("smell", "Blue")], [], "names 'smell' 'Blue'; expected"),
        ([("hue", "Blue")], [("hue", "Blue")], "likes and dislikes .* expected each attribute on one side"),
    ],
)
def test_a_taste_that_makes_no_sense_is_refused(liked, disliked, message):
    with pytest.raises(ValueError, match=message):
        agent(liked, disliked)


# Prompts


def test_the_template_read_both_ways():
    text = describe(
        "fish", {"medium": "Watercolor", "style": "Ukiyo-e", "palette": "Yellow", "hue": "Yellow"}
    )
    assert text == "a fish, Ukiyo-e style, Yellow palette, Yellow hues, Watercolor medium"
    assert read_prompt(text) == (
        "fish",
        {"style": "Ukiyo-e", "palette": "Yellow", "hue": "Yellow", "medium": "Watercolor"},
    )
    assert read_prompt("A red HOUSE by the sea, best quality, woodcut MEDIUM") == (
        "house",
        {"medium": "Woodcut"},
    )


@given(st.sampled_from(SUBJECTS), named_values(PAPER), st.sampled_from([str, str.upper, str.title]))
def test_a_prompt_reads_back_what_describe_wrote(subject, values, case):
    assert read_prompt(case(describe(subject, values))) == (subject, values)


def test_every_attribute_has_a_phrase_of_its_own():
    assert list(PHRASE_ENDS) == list(PAPER)
    for dimension, attributes in PAPER.items():
        for attribute in attributes:
            assert read_prompt(describe("cup", {dimension: attribute})) == ("cup", {dimension: attribute})


@pytest.mark.parametrize("text", ["", "a dragon, Woodcut medium", "Woodcut medium, a fish"])
def test_a_prompt_without_a_subject_is_refused(text):
    with pytest.raises(ValueError, match="names no subject; expected one of house, "):
        read_prompt(text)


@pytest.mark.parametrize("painted", [True, False])
def test_requests_follow_the_taste(agents, painted):
    for a in agents[:10]:
        asked = requests(a, 10, seed=0, painted=painted)
        assert [(r.liked, r.index) for r in asked] == [(side, i) for i in range(10) for side in (True, False)]
        assert all(one.subject == other.subject for one, other in zip(asked[::2], asked[1::2], strict=True))
        for r in asked:
            assert list(r.values) == list(DIMENSIONS if painted else PAPER)
            assert read_prompt(r.prompt) == (r.subject, dict(r.values))
            for dimension, value in r.values.items():
                wanted, unwanted = a.attributes(dimension, r.liked), a.attributes(dimension, not r.liked)
                ruled = set(DIMENSIONS.get(dimension, ()))
                if not painted or ruled & set(wanted):
                    assert value in wanted
                elif ruled - set(unwanted):
                    assert value not in unwanted


def test_painted_likes_are_truly_preferred(agents):
    for a in agents:
        asked = requests(a, 10, seed=0, painted=True)
        utilities = [a.utility(attributes_from(dict(r.values))) for r in asked]
        assert min(utilities[::2]) >= 0 >= max(utilities[1::2])


def test_requests_depend_on_the_seed_and_their_agent_alone(agents):
    first = requests(agents[3], 4, seed=0, painted=False)
    assert requests(agents[3], 6, seed=0, painted=False)[:8] == first
    assert requests(agents[3], 4, seed=1, painted=False) != first
    with pytest.raises(ValueError, match="0 images a side were requested"):
        requests(agents[3], 0, seed=0, painted=False)


def test_a_side_that_names_nothing_painted():
    fan = agent([("skill", "Graceful")], [("hue", value) for value in DIMENSIONS["hue"][1:]])
    for r in requests(fan, 5, seed=0, painted=True):
        if r.liked:
            assert r.values["hue"] == "Crimson"  # the only one that is not disliked
    assert requests(fan, 1, seed=0, painted=False)[0].values == {"skill": "Graceful"}


# The painter as a generator


def test_the_painter_paints_what_the_prompt_names():
    painter = PainterGenerator()
    assert isinstance(painter, Generator) and painter.noise_shape(16) == (1, 16, 16)
    values = crimson().as_dict()
    images = painter(NOISE, describe("fish", values))
    assert images.shape == (2, 3, 16, 16) and images.min() >= 0 and images.max() <= 1
    assert torch.equal(images, painter(NOISE, describe("fish", values))) and not torch.equal(*images)
    assert torch.equal(images[1:], painter(NOISE[1:], describe("fish", values)))
    assert not torch.equal(images, painter(NOISE, describe("fish", {**values, "hue": "Cerulean"})))


def test_what_the_prompt_leaves_open_is_the_noises(monkeypatch):
    shown = []
    monkeypatch.setattr(
        "tasteprint.simulate.painter.paint",
        lambda subject, attributes, seed, size: (
            shown.append((subject, attributes)) or paint("cup", attributes, 0, 16)
        ),
    )
    noise = torch.randn(8, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    painter = PainterGenerator()
    painter(noise, "a cup")
    painter(noise, "a cup, Surrealism style, Cerulean hues")
    painter(noise[:1].bfloat16(), "a boat")
    open_, named = shown[:8], shown[8:16]
    assert len({attributes for _, attributes in open_}) > 4
    assert all(
        b.as_dict() == {**a.as_dict(), "hue": "Cerulean"} for (_, a), (_, b) in zip(open_, named, strict=True)
    )
    assert shown[16][0] == "boat"


@pytest.mark.parametrize("size", [0, 4096])
def test_a_size_that_cannot_be_painted_is_refused(size):
    with pytest.raises(ValueError, match=f"{size}"):
        PainterGenerator().noise_shape(size)


def test_only_squares_are_painted():
    with pytest.raises(ValueError, match="the noise is 16 x 8; expected a square one"):
        PainterGenerator()(NOISE[..., :8], "a cup")


# The folder


def build(*arguments):
    return CliRunner().invoke(agents_app, ["build", *map(str, arguments)])


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_command_writes_the_papers_dataset(tmp_path):
    out = tmp_path / "agents"
    done = build("--out", out, "--agents", 3, "--images", 2, "--size", 16)
    assert done.exit_code == 0, done.output
    assert "--min-liked 2" in done.output and not (tmp_path / "agents.part").exists()
    written = json.loads((out / "agents.json").read_text())
    assert written["settings"] == {
        "seed": 0,
        "min_jaccard": 0.8,
        "images": 2,
        "generator": "painter",
        "size": 16,
    }
    for row, truth in zip(written["agents"], draw_agents(3), strict=True):
        assert row["name"] == truth.name and list(row["likes"]) == list(row["dislikes"]) == list(PAPER)
        assert [(d, a) for d, some in row["likes"].items() for a in some] == list(truth.liked)
        assert [(d, a) for d, some in row["dislikes"].items() for a in some] == list(truth.disliked)
    lines = [json.loads(line) for line in (out / "prompts.jsonl").read_text().splitlines()]
    assert [line["image"] for line in lines[:4]] == [
        f"images/agent-00/{side}-0{i}.png" for i in range(2) for side in ("liked", "disliked")
    ]
    assert len(lines) == 12 and sorted(line["image"] for line in lines) == [
        n for n in contents(out) if "png" in n
    ]
    for line in lines:
        assert describe(line["subject"], line["attributes"]) == line["prompt"]
        with Image.open(out / line["image"]) as image:
            assert image.size == (16, 16)
    build("--out", tmp_path / "again", "--agents", 3, "--images", 2, "--size", 16)
    assert contents(tmp_path / "again") == contents(out)


def test_the_votes_become_a_dataset(tmp_path):
    from tasteprint.data.dataset import Dataset

    out, data = tmp_path / "agents", tmp_path / "data"
    said = build("--out", out, "--agents", 3, "--images", 2, "--size", 16).output
    with (out / "votes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6 and all("/liked-" in row[row["choice"]] for row in rows)
    assert all(row["left"][-6:] == row["right"][-6:] for row in rows)
    words = said.split("tasteprint data ")[-1].split()[
        :-1
    ]  # the command that was printed, with another folder
    done = CliRunner().invoke(data_app, [*words, str(data), "--validation", "0", "--test", "0"])
    assert done.exit_code == 0, done.output
    votes = Dataset(data).votes_by_user("train")
    assert sorted(votes) == ["agent-00", "agent-01", "agent-02"]
    assert [vote.ranking_id for vote in votes["agent-01"]] == [0, 1]
    assert all(vote.prompt.split()[-1] in SUBJECTS for some in votes.values() for vote in some)


def test_an_interrupted_build_goes_on_and_another_begins_anew(tmp_path):
    agents, out, painter = draw_agents(2), tmp_path / "agents", PainterGenerator()
    made = []

    def stopping(noise, prompt):
        if len(made) == 5:
            raise KeyboardInterrupt
        made.append(prompt)
        return painter(noise, prompt)

    with pytest.raises(KeyboardInterrupt):
        write_agents(out, agents, stopping, (1, 16, 16), images=2)
    assert not out.exists()
    made.clear()
    write_agents(
        out,
        agents,
        lambda noise, prompt: made.append(prompt) or painter(noise, prompt),
        (1, 16, 16),
        images=2,
    )
    assert len(made) == 8 - 5
    write_agents(tmp_path / "whole", agents, painter, (1, 16, 16), images=2)
    assert contents(out) == contents(tmp_path / "whole")
    (tmp_path / "other.part").mkdir()
    (tmp_path / "other.part" / "left").touch()
    write_agents(tmp_path / "other", agents, painter, (1, 16, 16), images=2)
    assert contents(tmp_path / "other") == contents(out)


@pytest.mark.filterwarnings("ignore:The `local_dir_use_symlinks`")  # what diffusers 0.42 asks of the hub
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--agents", "0"], "agents is 0; expected 1 to 1,000"),
        (["--min-jaccard", "2"], "min-jaccard is 2.0; expected 0 to 1"),
        (["--images", "0"], "images is 0; expected 1 to 1,000"),
        (["--size", "0"], "0"),
        (["--size", "4096"], "4096"),
        (["--generator", "nobody/nothing"], "generator 'nobody/nothing' could not be opened"),
    ],
)
def test_mistakes_leave_nothing_behind(tmp_path, arguments, message):
    done = build("--out", tmp_path / "agents", "--agents", 2, *arguments)
    assert isinstance(done.exception, ValueError) and message in str(done.exception)
    assert "\n" not in str(done.exception) and not list(tmp_path.iterdir())


def test_a_seed_that_is_no_integer_and_a_full_folder(tmp_path):
    assert build("--out", tmp_path / "agents", "--seed", "1.5").exit_code == 2
    (tmp_path / "mine.txt").write_text("keep")
    done = build("--out", tmp_path)
    assert "already holds something" in str(done.exception) and contents(tmp_path) == {"mine.txt": b"keep"}


# A text-to-image model


@pytest.fixture(scope="module")
def flux(tmp_path_factory):
    """A folder of a small random Flux, as `save_pretrained` writes one."""
    return pipelines.save(pipelines.flux, tmp_path_factory.mktemp("flux"))


@pytest.fixture(scope="module")
def generator(flux):
    from tasteprint.guide.generators import Entry, open_generator

    return open_generator(Entry(flux, steps=2))


def test_flux_by_its_folder_is_a_generator(generator):
    assert isinstance(generator, Generator)
    assert generator.noise_shape(32) == (4, 16, 16)  # this VAE halves once; Flux packs 2 x 2
    noise = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    images = generator(noise, "a fish, Neon palette")
    assert images.shape == (2, 3, 32, 32) and images.dtype == torch.float32 and not images.requires_grad
    assert images.min() >= 0 and images.max() <= 1
    assert torch.equal(images, generator(noise, "a fish, Neon palette")) and not torch.equal(*images)
    torch.testing.assert_close(images[1:], generator(noise[1:], "a fish, Neon palette"))
    assert not torch.equal(images, generator(noise, "a house, Woodcut medium"))


def test_the_noise_is_the_pipelines_own(flux, generator):
    """A slow twin: the pipeline draws the noise itself, from the same stream of random numbers."""
    from diffusers import FluxPipeline

    pipe = FluxPipeline.from_pretrained(flux)
    noise = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(7))
    own = pipe(
        "a fish", height=32, width=32, num_inference_steps=2, guidance_scale=0.0, max_sequence_length=256,
        generator=torch.Generator().manual_seed(7), output_type="pt",
    ).images  # fmt: skip
    torch.testing.assert_close(generator(noise, "a fish"), own)


def test_gradients_reach_the_noise(generator):
    noise = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(0), requires_grad=True)
    generator(noise, "a fish").mean().backward()
    assert noise.grad is not None and noise.grad.norm() > 0


def test_flux_makes_the_agents_images(flux, tmp_path):
    out = tmp_path / "agents"
    arguments = ["--agents", 1, "--images", 1, "--size", 32, "--steps", 1, "--generator", flux]
    assert build("--out", out, *arguments).exit_code == 0
    assert json.loads((out / "agents.json").read_text())["settings"]["steps"] == 1
    prompts = [json.loads(line)["prompt"] for line in (out / "prompts.jsonl").read_text().splitlines()]
    assert all(" execution, " in prompt for prompt in prompts)  # words for all seven dimensions
    with Image.open(out / "images" / "agent-00" / "liked-00.png") as image:
        assert image.size == (32, 32)
    odd = build("--out", tmp_path / "odd", *arguments, "--size", 30)
    assert "the size is 30 pixels; expected a multiple of 4" in str(odd.exception)
    none = build("--out", tmp_path / "none", *arguments, "--steps", 0)
    assert "steps is 0; expected 1 to 1,000" in str(none.exception)


def test_a_pipeline_without_plain_noise_is_refused():
    from tasteprint.guide.text_to_image import TextToImage

    with pytest.raises(ValueError, match="the pipeline is a object; expected one that takes its noise"):
        TextToImage(object())


def test_without_diffusers_one_sentence_says_what_to_install(tmp_path):
    code = (
        "import sys; sys.modules['diffusers'] = None; from tasteprint.cli.main import main; "
        "sys.argv = ['tasteprint', 'agents', 'build', '--generator', 'a/b', '--out', sys.argv[1]]; main()"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and "pip install tasteprint[generate]" in done.stderr
    assert "Traceback" not in done.stderr and not (tmp_path / "out").exists()
