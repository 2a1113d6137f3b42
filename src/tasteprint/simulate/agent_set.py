"""The paper's set of agents as a folder: who they are, their requests, the images, and votes made of them.

Enters: a new folder, agents, a `Generator`. Leaves: `agents.json`, `prompts.jsonl`, `images/`, `votes.csv` and
`mapping.toml` for `tasteprint data build`. Does not know: which generator it is, or any preference model.
"""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from PIL import Image

from tasteprint.files import json_text, require_new, whole
from tasteprint.simulate.agents import Agent, Request, requests
from tasteprint.simulate.painter import stream
from tasteprint.simulate.taxonomy import PAPER, prompt
from tasteprint.types import Generator

MAPPING = """# Agents' votes: an image made for a like beside one made for a dislike, of the same subject.
kind = "votes"

[columns]
user = "agent"
prompt = "prompt"
image_0 = "left"
image_1 = "right"
label = "choice"
ranking_id = "pair"

[labels]
left = 1
right = 0

[images]
place = "paths"
"""


def write_agents(
    folder: Path,
    agents: Sequence[Agent],
    generator: Generator,
    noise_shape: tuple[int, int, int],
    images: int = 10,
    seed: int = 0,
    painted: bool = True,
    settings: Mapping[str, object] | None = None,
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> None:
    """Make `images` liked and as many disliked images for each agent, and write them with all that is known.

    `painted` and `images` are as for `requests`; `noise_shape` is what the generator takes for one image;
    `settings` stand in `agents.json` beside the agents. The folder appears only when all of it is written;
    the same call goes on with the images that an interrupted one has left. ValueError for a folder that
    already holds something.
    """
    require_new(folder)
    wanted = [request for agent in agents for request in requests(agent, images, seed, painted)]
    texts = {
        "agents.json": _agents_json(agents, settings or {}),
        "prompts.jsonl": "".join(_prompt_line(request) for request in wanted),
        "votes.csv": _votes_csv(wanted, seed),
        "mapping.toml": MAPPING,
    }
    part = _begun(folder.with_name(folder.name + ".part"), texts)
    for done, request in enumerate(wanted):
        progress("images", done, len(wanted))
        _make(part / request.file, request, generator, noise_shape)
    part.replace(folder)


def _begun(part: Path, texts: Mapping[str, str]) -> Path:
    """The working folder; what is in it is kept only if it was begun with the same texts."""
    same = all(
        (part / name).is_file() and (part / name).read_text("utf-8") == text for name, text in texts.items()
    )
    if not same:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        for name, text in texts.items():
            (part / name).write_text(text, "utf-8")
    return part


def _make(file: Path, request: Request, generator: Generator, noise_shape: tuple[int, int, int]) -> None:
    if file.is_file():
        return
    source = torch.Generator().manual_seed(request.seed)
    with torch.no_grad():
        pixels = generator(torch.randn((1, *noise_shape), generator=source), request.prompt)[0]
    array = (pixels.permute(1, 2, 0) * 255).round().byte().cpu().numpy()
    with whole(file) as part:
        Image.fromarray(array).save(part, "PNG")


def _agents_json(agents: Sequence[Agent], settings: Mapping[str, object]) -> str:
    rows = [
        {"name": agent.name, "likes": _by_dimension(agent, True), "dislikes": _by_dimension(agent, False)}
        for agent in agents
    ]
    return json_text({"settings": dict(settings), "agents": rows}) + "\n"


def _by_dimension(agent: Agent, liked: bool) -> dict[str, list[str]]:
    return {name: list(agent.attributes(name, liked)) for name in PAPER}


def _prompt_line(request: Request) -> str:
    row = {
        "agent": request.agent,
        "liked": request.liked,
        "index": request.index,
        "image": request.file,
        "prompt": request.prompt,
        "subject": request.subject,
        "attributes": dict(request.values),
        "seed": request.seed,
    }
    return json_text(row, None) + "\n"


def _votes_csv(wanted: Sequence[Request], seed: int) -> str:
    """One vote for each index: the liked image beside the disliked one, on a random side; no image stands twice."""
    rng = stream(seed, "sides of the agents' votes")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("agent", "pair", "prompt", "left", "right", "choice"))
    for liked, disliked in zip(wanted[::2], wanted[1::2], strict=True):
        first = bool(rng.integers(2))
        sides = (liked.file, disliked.file) if first else (disliked.file, liked.file)
        choice = "left" if first else "right"
        writer.writerow((liked.agent, liked.index, prompt(liked.subject), *sides, choice))
    return text.getvalue()
