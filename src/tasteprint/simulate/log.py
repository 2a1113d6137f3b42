"""A simulated log in the form in which a newcomer would bring a real one, with the truth beside it.

Enters: a new folder, a `WorldConfig`, who is in which split. Leaves: `votes.csv`, `images.csv`, `pictures/`
and `mapping.toml` for `tasteprint data build`; for measuring only, `people.json` and `attributes.json`.
Does not know: how the log is read, or any model.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from tasteprint.files import json_text, require_new, whole
from tasteprint.simulate.painter import Picture, paint
from tasteprint.simulate.people import Person, Population
from tasteprint.simulate.taxonomy import attributes_from
from tasteprint.simulate.world import Split, World, WorldConfig, draw_world
from tasteprint.types import Vote

MAPPING = """# The simulated log: two painted pictures, the choice in words.
kind = "votes"

[columns]
user = "user"
prompt = "prompt"
image_0 = "left"
image_1 = "right"
label = "choice"
created_at = "time"

[labels]
left = 1
right = 0

[images]
place = "table"
table = "images.csv"
id = "image_id"
file = "file"
"""


def write_log(folder: str | Path, config: WorldConfig, split: Split) -> World:
    """Draw a world and write its log to a new folder; the same arguments give the same bytes.

    The folder appears only when all of it is written. ValueError as for `draw_world`, and for a folder that
    already holds something.
    """
    folder = Path(folder)
    require_new(folder)
    world = draw_world(config, split)
    with whole(folder.resolve()) as part:
        (part / "pictures").mkdir(parents=True)
        _write_pictures(part, world.pictures, config.size)
        _write_votes(part, world.votes)
        _write_truth(part, world)
    return world


def read_world(folder: str | Path) -> World:
    """Read a written log back with its truth. ValueError when the folder holds none."""
    folder = Path(folder)
    if not (folder / "people.json").is_file():
        raise ValueError(
            f"{str(folder)!r} holds no people.json; expected a folder made by `write_log`: name one."
        )
    truth = json.loads((folder / "people.json").read_text("utf-8"))
    attributes = json.loads((folder / "attributes.json").read_text("utf-8"))
    people = [Person(user, row["group"], np.array(row["utilities"])) for user, row in truth["people"].items()]
    return World(
        Population(truth["kind"], np.array(truth["tastes"]), truth["own"], truth["beta"]),
        tuple(people),
        {user: row["split"] for user, row in truth["people"].items()},
        {name: _picture(row) for name, row in attributes.items()},
        tuple(_read_votes(folder / "votes.csv")),
    )


def _write_pictures(folder: Path, pictures: dict[str, Picture], size: int) -> None:
    rows = [(name, f"pictures/{name}.png") for name in pictures]
    _write_csv(folder / "images.csv", ("image_id", "file"), rows)
    for picture, (_, file) in zip(pictures.values(), rows, strict=True):
        paint(picture.subject, picture.attributes, picture.seed, size).save(folder / file)


def _write_votes(folder: Path, votes: Sequence[Vote]) -> None:
    choice = {1.0: "left", 0.0: "right"}
    rows = [(v.user_id, v.prompt, v.image_0, v.image_1, choice[v.label_0], v.created_at) for v in votes]
    _write_csv(folder / "votes.csv", ("user", "prompt", "left", "right", "choice", "time"), rows)
    (folder / "mapping.toml").write_text(MAPPING, "utf-8")


def _write_truth(folder: Path, world: World) -> None:
    people = {
        p.user_id: {"split": world.splits[p.user_id], "group": p.group, "utilities": p.utilities.tolist()}
        for p in world.people
    }
    population = world.population
    truth = {
        "kind": population.kind,
        "beta": population.beta,
        "own": population.own,
        "tastes": population.tastes.tolist(),
        "people": people,
    }
    _write_json(folder / "people.json", truth)
    attributes = {
        name: {"subject": p.subject, **p.attributes.as_dict(), "seed": p.seed}
        for name, p in world.pictures.items()
    }
    _write_json(folder / "attributes.json", attributes)


def _read_votes(path: Path) -> Iterable[Vote]:
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            label, time = float(row["choice"] == "left"), datetime.fromisoformat(row["time"])
            yield Vote(row["user"], row["prompt"], row["left"], row["right"], label, time)


def _picture(row: dict[str, Any]) -> Picture:
    values = {key: value for key, value in row.items() if key not in ("subject", "seed")}
    return Picture(row["subject"], attributes_from(values), row["seed"])


def _write_csv(path: Path, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)


def _write_json(path: Path, content: object) -> None:
    path.write_text(f"{json_text(content)}\n", "utf-8")
