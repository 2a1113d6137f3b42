"""`tasteprint demo`: the bundled models measured on people they never met, pictures for three, then some training.

Enters: a folder. Leaves: log, dataset, runs, `results.json`, `report.html`. Does not know: how any part works; it
calls the same functions as the other commands. An interrupted demo resumes with the same command.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tasteprint.cli.bounds import SEEDS, number_option

if TYPE_CHECKING:
    from tasteprint.config import Config, DataConfig
    from tasteprint.data.dataset import Dataset
    from tasteprint.evaluate.results import Figure
    from tasteprint.posterior.model import TastePosterior
    from tasteprint.report.page import Guidance
    from tasteprint.simulate.world import World
    from tasteprint.train.run import Run
    from tasteprint.types import TasteModel


MODEL, POSTERIOR = "mini", "mini-posterior"
"""The bundled models, trained by `experiments/train_mini.sh`."""

GENERATOR = "mini-generator"
"""The bundled generator, trained by `experiments/train_generator.py`."""

PEOPLE, VOTES, PICTURES_A_PERSON = 1500, 24, 2
FIRST_SEED = 100
"""No `--seed` draws the people and pictures from which `mini` learned (`experiments/world_log.py`)."""

TARGETS = 16
QUICK = ("posterior.encoder=eye", "posterior.components=12", "posterior.steps=500")
"""A posterior in half a minute; the config's own numbers are for results."""

SHORT = ("init_from=mini", "stage1.steps=0", "stage2.steps=100", "stage2.lr=5e-4", "stage2.evaluate_every=25")
"""The short training continues from the bundled model: one from nothing is at chance after three minutes."""

MADE = ("log", "data", "posterior", "run", "results.json", "report.html", ".data.new", ".data.old")
"""What a demo leaves, or leaves begun; the next one goes on from there."""

SHARES = ("data.validation=0.05", "data.test=0.05")
"""A hundred people each are enough for a demo."""


def demo_command(
    out: Annotated[Path, typer.Option(help="The folder of the demo.")] = Path("runs/demo"),
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="section.key=value of the configs mini and posterior; may be repeated."),
    ] = None,
    people: Annotated[int, number_option("Simulated people.", 20, 100_000)] = PEOPLE,
    seed: Annotated[
        int, number_option("Seed of the people, the pictures and the training.", 0, SEEDS - FIRST_SEED)
    ] = 0,
) -> None:
    """Measure the bundled models on simulated people they never met; then train further on such people."""
    from tasteprint.cli.progress import quiet_libraries
    from tasteprint.config import load_config
    from tasteprint.locks import held

    quiet_libraries()
    more = (*SHARES, *(setting or ()), f"seed={seed}")
    config = load_config("mini", (*SHORT, *more, f"teacher.posterior={out / 'posterior' / 'model'}"))
    _check(out, people, config.data, config.seed)
    with held(out):
        _demonstrate(out, config, load_config("posterior", (*QUICK, *more)), people)


def _check(out: Path, people: int, shares: DataConfig, seed: int) -> None:
    """ValueError for people too few to test on, and for a folder that holds what no demo wrote."""
    from tasteprint.data.histories import split_users
    from tasteprint.files import is_part
    from tasteprint.locks import is_lock

    split = split_users(map(str, range(people)), shares.validation, shares.test, seed)
    tested = sum(part == "test" for part in split.values())
    if tested < 2:
        raise ValueError(
            f"people is {people}, of whom {tested} would be tested; expected at least 2: give more, as --people 100."
        )
    there = out.iterdir() if out.is_dir() else ()
    names = {path.name for path in there if not (is_lock(path) or is_part(path))}
    if strange := sorted(names - {*MADE}):
        raise ValueError(
            f"{str(out)!r} holds {strange[0]!r}, which no demo made; expected a new folder or a demo's: name another."
        )


def _demonstrate(out: Path, config: Config, quick: Config, people: int) -> None:
    from tasteprint.methods import open_model
    from tasteprint.posterior.model import TastePosterior

    started = time.monotonic()
    world, dataset = _people(out, config, people)
    posterior = TastePosterior.from_pretrained(POSTERIOR)
    figures = _measured(open_model(MODEL), posterior, dataset, world, config)
    _print_table(figures, f"{MODEL} on people and pictures never seen", time.monotonic() - started)
    guidance = _guided(posterior, dataset, config)
    typer.echo(
        f"Now {MODEL} is trained further, on {len(world.votes)} votes of {people} such people, and a new posterior ..."
    )
    run, here = _trained(out, dataset, config, quick)
    _report(out, run, dataset, posterior, [*figures, *here], guidance)
    _print_table(here, "The same people, after this training", time.monotonic() - started)
    typer.echo(f"Open {out / 'report.html'} to look at it.")


def _people(out: Path, config: Config, people: int) -> tuple[World, Dataset]:
    """Draw the world, write its log, build the dataset; what exists already is kept."""
    from tasteprint.data.build import build
    from tasteprint.data.dataset import Dataset
    from tasteprint.data.histories import split_users
    from tasteprint.data.mapping import load_mapping
    from tasteprint.simulate.log import read_world, write_log
    from tasteprint.simulate.world import WorldConfig

    log, data, shares = out / "log", out / "data", config.data
    if not log.is_dir():
        pools = {"train": max(400, PICTURES_A_PERSON * people), "validation": 400, "test": 400}
        world = WorldConfig(people, VOTES, pools, seed=FIRST_SEED + config.seed)
        write_log(log, world, lambda users: split_users(users, shares.validation, shares.test, config.seed))
    if not (data / "summary.json").is_file():
        build(str(log / "votes.csv"), data, load_mapping(log / "mapping.toml"), shares, config.seed)
    return read_world(log), Dataset(data)


def _measured(
    model: TasteModel, posterior: TasteModel, dataset: Dataset, world: World, config: Config
) -> list[Figure]:
    """Measure on the test people: both models, their baselines, and the best that could be reached."""
    from tasteprint.cli.evaluate import measure_model
    from tasteprint.evaluate.evaluation import figures
    from tasteprint.evaluate.metrics import mean_interval
    from tasteprint.evaluate.results import Figure
    from tasteprint.simulate.oracle import bounds

    history_length, seed = config.data.history_length, config.seed
    measured = measure_model(model, dataset, "test", history_length, TARGETS, seed, baseline=posterior)
    test, votes = world.people_in("test"), world.votes_by_user()
    best = bounds(world.population, test, votes, world.pictures)
    return figures(measured, seed) + [
        Figure(name, *mean_interval(list(b.earned), seed)) for name, b in best.items()
    ]


def _guided(
    posterior: TastePosterior, dataset: Dataset, config: Config, generator: str = GENERATOR
) -> Guidance | None:
    """Make pictures for three of the test people; None, and a message, where the generator cannot be opened."""
    from tasteprint.cli.generate import open_quietly
    from tasteprint.report.guided_pictures import PEOPLE, guidance_of

    try:
        maker = open_quietly(generator, device="cpu")
    except ValueError as error:
        typer.echo(f"Pictures made for people are left out: {error}", err=True)
        return None
    typer.echo(f"Now the same pictures for {PEOPLE} people of different tastes ...")
    return guidance_of(
        posterior, maker, maker.noise_shape(), dataset, config.data.history_length, config.seed
    )


def _trained(out: Path, dataset: Dataset, config: Config, quick: Config) -> tuple[Run, list[Figure]]:
    """Fit a posterior, train the model further with it as a teacher; measure both on the same pairs as before."""
    from tasteprint.data.histories import fixed_examples
    from tasteprint.evaluate.metrics import mean_interval, pair_outcomes
    from tasteprint.evaluate.predictors import predict_pairs, predictor_of
    from tasteprint.evaluate.results import Figure
    from tasteprint.train.posterior_run import PosteriorRun
    from tasteprint.train.run import Run

    posterior = PosteriorRun(quick, dataset, out / "posterior").go()
    run = Run(config, dataset, out / "run")
    examples, _ = fixed_examples(
        dataset.votes_by_user("test"), config.data.history_length, TARGETS, config.seed
    )
    models: dict[str, TasteModel] = {"own": run.go(), "posterior": posterior}
    found = []
    for name, model in models.items():
        right = [pair_outcomes(person) for person in predict_pairs(predictor_of(model, dataset), examples)]
        found.append(Figure(f"accuracy.here.{name}", *mean_interval(right, config.seed)))
    return run, found


def _report(
    out: Path,
    run: Run,
    dataset: Dataset,
    posterior: TastePosterior,
    figures: list[Figure],
    guidance: Guidance | None,
) -> None:
    from tasteprint.evaluate.results import write_results
    from tasteprint.report.html import write_page
    from tasteprint.report.page import Page
    from tasteprint.report.people import learning_points, person_pages, taste_cards

    write_results(out / "results.json", "tasteprint demo", [run.config.seed], figures)
    record, seed, history_length = run.folder.read(), run.config.seed, run.config.data.history_length
    page = Page(
        title="What tasteprint learned about people it never met",
        about="Simulated people, whose votes were drawn from a known taste of their own.",
        figures=figures,
        main="accuracy.posterior",
        people=person_pages(posterior, dataset, history_length, seed),
        tastes=taste_cards(posterior, dataset, seed),
        learning=learning_points(run.folder.path),
        counts=dataset.summary,
        settings=asdict(run.config),
        versions=record["versions"],
        seconds=({"guided pictures": guidance.seconds} if guidance else {}) | record["seconds"],
        commands=["tasteprint demo"],
        seeds=[seed],
        commit=record["commit"],
        hardware=record["hardware"],
        history_length=history_length,
        guidance=guidance,
        init_from=run.config.init_from,
    )
    write_page(out / "report.html", page)


def _print_table(figures: list[Figure], title: str, seconds: float) -> None:
    from rich.console import Console

    from tasteprint.evaluate.results import table

    Console().print(table(figures, f"{title} ({seconds:.0f} s)"))
