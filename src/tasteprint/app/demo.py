"""`tasteprint demo`: the whole road on simulated people, from a log of votes to a report one can look at.

Enters: a folder. Leaves: log, dataset, run, `results.json`, `report.html`. Does not know: how any part works; it
goes through the same functions as the other commands. The same command again goes on with what is there.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tasteprint.config import Config
    from tasteprint.data.table import Dataset
    from tasteprint.evaluate.results import Figure
    from tasteprint.model.preference import PreferenceModel
    from tasteprint.taste.model import TastePosterior
    from tasteprint.train.run import Run
    from tasteprint.world.simulation import World

PEOPLE, VOTES, PICTURES_A_PERSON = 1500, 24, 2
GROUPS, OWN = 4, 0.1
"""A smaller world than that of the results (`world/populations.py`): the in-context model has but minutes."""

TARGETS = 16
POSTERIOR = ("posterior.components=12", "posterior.steps=500")
"""Half a minute's worth; the config's own numbers are for results."""

SHARES = ("data.validation=0.05", "data.test=0.05")
"""A hundred people each: so many suffice for what a demo measures."""


def demo_command(
    out: Annotated[Path, typer.Option(help="The folder of the demo.")] = Path("runs/demo"),
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="section.key=value of the configs mini and posterior; may be repeated."),
    ] = None,
    people: Annotated[int, typer.Option(help="Simulated people.")] = PEOPLE,
    seed: Annotated[int, typer.Option(help="Seed of the people, the pictures and the training.")] = 0,
) -> None:
    """Learn from simulated people, and show what was learned about people never met."""
    from tasteprint.config import load_config

    config = load_config("mini", (*SHARES, *(setting or ()), f"seed={seed}"))
    started = time.monotonic()
    world, dataset = _people(out, config, people)
    typer.echo(
        f"{len(world.votes)} votes of {people} simulated people are in {out / 'log'}; learning from them ..."
    )
    from tasteprint.train.posterior import PosteriorRun
    from tasteprint.train.run import Run

    quick = load_config("posterior", (*POSTERIOR, *SHARES, *(setting or ()), f"seed={seed}"))
    posterior = PosteriorRun(quick, dataset, out / "posterior").go()
    run = Run(config, dataset, out / "run")
    model = run.go()
    figures = _measured(out, model, posterior, dataset, world, config)
    _report(out, run, dataset, posterior, figures)
    _say(figures, out / "report.html", time.monotonic() - started)


def _people(out: Path, config: Config, people: int) -> tuple[World, Dataset]:
    """Draw the world, write its log, build the dataset; what is there already is taken as it is."""
    from tasteprint.data.build import build
    from tasteprint.data.histories import split_users
    from tasteprint.data.mapping import load_mapping
    from tasteprint.data.table import Dataset
    from tasteprint.world.log import read_world, write_log
    from tasteprint.world.simulation import WorldConfig

    log, data, shares = out / "log", out / "data", config.data
    if not log.is_dir():
        pools = {"train": max(400, PICTURES_A_PERSON * people), "validation": 400, "test": 400}
        world = WorldConfig(people, VOTES, pools, groups=GROUPS, own=OWN, seed=config.seed)
        write_log(log, world, lambda users: split_users(users, shares.validation, shares.test, config.seed))
    if not (data / "summary.json").is_file():
        build(str(log / "votes.csv"), data, load_mapping(log / "mapping.toml"), shares, config.seed)
    return read_world(log), Dataset(data)


def _measured(
    out: Path,
    model: PreferenceModel,
    posterior: TastePosterior,
    dataset: Dataset,
    world: World,
    config: Config,
) -> list[Figure]:
    """Measure on the test people: both ways, their controls, and the best that could be reached."""
    from tasteprint.app.evaluate import measure_model
    from tasteprint.evaluate.evaluation import figures
    from tasteprint.evaluate.ranking import mean_interval
    from tasteprint.evaluate.results import Figure, write_results
    from tasteprint.world.oracle import bounds

    n_ref, seed = config.data.n_ref, config.seed
    measured = measure_model(model, dataset, "test", n_ref, TARGETS, seed, beside=posterior)
    test, votes = world.people_in("test"), world.votes_by_user()
    best = bounds(world.population, test, votes, world.pictures)
    found = figures(measured, config.seed)
    found += [Figure(name, *mean_interval(list(b.earned), config.seed)) for name, b in best.items()]
    write_results(out / "results.json", "tasteprint demo", [config.seed], found)
    return found


def _report(out: Path, run: Run, dataset: Dataset, posterior: TastePosterior, figures: list[Figure]) -> None:
    from tasteprint.app.page import Page
    from tasteprint.app.page_file import write_page
    from tasteprint.app.shown import learning_points, person_pages
    from tasteprint.app.tastes_shown import taste_cards

    record, seed, n_ref = run.folder.read(), run.config.seed, run.config.data.n_ref
    page = Page(
        title="What tasteprint learned about people it never met",
        about="simulated people, whose votes were drawn from a taste of their own",
        figures=figures,
        main="accuracy.posterior",
        people=person_pages(posterior, dataset, n_ref, seed),
        tastes=taste_cards(posterior, dataset, seed),
        learning=learning_points(run.folder.path),
        counts=dataset.summary,
        settings=asdict(run.config),
        versions=record["versions"],
        seconds=record["seconds"],
        commands=["tasteprint demo"],
        seeds=[seed],
        commit=record["commit"],
        hardware=record["hardware"],
        n_ref=n_ref,
    )
    write_page(out / "report.html", page)


def _say(figures: list[Figure], report: Path, seconds: float) -> None:
    from rich.console import Console

    from tasteprint.evaluate.report import table

    Console().print(table(figures, "People and pictures never seen in training"))
    typer.echo(f"{seconds:.0f} s. Open {report} to look at it.")
