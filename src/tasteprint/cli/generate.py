"""`tasteprint generate`: a picture of what a prompt says, as one person will like it.

Enters: the command line. Leaves: a folder with the picture and all that is needed to make it again.
Does not know: how noise is improved, how scores are computed.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tasteprint.cli.data import progress_bar
from tasteprint.cli.score import Count, DataFolder, HistoryFile, User, person
from tasteprint.cli.steering import check_own, open_tastes, others, own, weights_of

if TYPE_CHECKING:
    from tasteprint.guide.text_to_image import TextToImage


DTYPES = ("float32", "bfloat16", "float16")

Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model", help="A model that knows the person; mini unless said. Several share the weight."
    ),
]
Rewards = Annotated[
    list[str] | None,
    typer.Option("--reward", help="name=WEIGHT of another scorer, as in pickscore=0.05; may be repeated."),
]
Loss = Annotated[
    str | None,
    typer.Option(
        help="q is 1 - Q; margin does not saturate. Unless said, margin where a posterior is used, else q."
    ),
]
Caution = Annotated[
    float, typer.Option(help="Of a posterior: take off so many standard deviations of its belief.")
]
BestOf = Annotated[int, typer.Option(help="Change no noise: take the best of so many draws.")]
Patience = Annotated[int, typer.Option(help="End after so many steps without a better picture; 0: never.")]
Generator = Annotated[
    str, typer.Option(help="A generator by its short name, or a diffusers repository or folder.")
]


def generate_command(
    prompt: Annotated[str, typer.Option(help="What the picture shows.")],
    out: Annotated[Path, typer.Option(help="The folder of the result; new or empty.")],
    history: HistoryFile = None,
    data: DataFolder = None,
    user: User = None,
    history_length: Count = 8,
    model: Models = None,
    generator: Generator = "mini-generator",
    steps: Annotated[int, typer.Option(help="Changes of the noise.")] = 30,
    seed: Annotated[int, typer.Option(help="Decides the noise.")] = 0,
    noises: Annotated[int, typer.Option(help="Noises at once, of this seed and the next ones.")] = 1,
    best_of: BestOf = 0,
    loss: Loss = None,
    weight: Annotated[float, typer.Option(help="What the person's taste weighs.")] = 0.75,
    pessimism: Caution = 0.0,
    reward: Rewards = None,
    patience: Patience = 0,
    size: Annotated[int | None, typer.Option(help="Side in pixels, if not the generator's own.")] = None,
    dtype: Annotated[str | None, typer.Option(help="float32, bfloat16 or float16.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda.")] = None,
    checkpointing: Annotated[bool, typer.Option("--checkpointing", help="Less memory, more time.")] = False,
    slicing: Annotated[bool, typer.Option("--slicing", help="Decode images one by one.")] = False,
    offload: Annotated[bool, typer.Option("--offload", help="Weights stay in main memory.")] = False,
) -> None:
    """Make a picture that one person will like: a generator's noise is changed until the person's taste is met."""
    asked = dict(locals())
    from tasteprint.config import GuideConfig

    config = GuideConfig(steps=steps, weight=weight, patience=patience)
    peers = weights_of(reward or [])
    check_own(loss, pessimism)
    _check_counts(seed, noises, best_of)
    from tasteprint.files import require_place, write_folder
    from tasteprint.report.generation import record

    require_place(out)  # a mistake should show before a model is loaded
    who, opener = person(history, data, user, history_length)
    maker = open_quietly(generator, size, dtype, device, checkpointing, slicing, offload)
    tastes = open_tastes(model or ["mini"], who, opener, device)
    rewards = [*own(tastes, config.weight, loss, pessimism), *others(peers, device)]
    from tasteprint.guide import reno
    from tasteprint.report.generation import GenerationTrace

    story = GenerationTrace([taste.name for taste in tastes], [seed + row for row in range(noises)])
    draws = reno.noises(maker.noise_shape(size), story.seeds)
    if best_of:
        run = reno.best_of(maker, prompt, islice(draws, best_of), rewards)
    else:
        run = reno.guide(maker, prompt, next(draws), rewards, config)
    with progress_bar() as progress:
        for step in run:
            story.add(step)
            progress(f"Q {story.best_q:.3f}", step.number, best_of - 1 if best_of else steps)
    write_folder(out, story.files(record(asked, config, maker, tastes, rewards, who)))
    for fault in story.faults:
        typer.echo(f"tasteprint: {fault}", err=True)
    typer.echo(f"{story.summary()} {out / 'best.png'}")


def _check_counts(seed: int, noises: int, best_of: int) -> None:
    if not (0 <= seed < 2**63 - noises and noises >= 1 and best_of >= 0):
        raise ValueError(
            f"seed {seed}, {noises} noises and best of {best_of} were asked for; expected a seed of at least 0, at "
            "least 1 noise, and 0 (to guide) or more draws: correct them."
        )


def open_quietly(
    name: str, size: int | None = None, dtype: str | None = None, device: str | None = None, *memory: bool
) -> TextToImage:
    """Open a generator; the libraries say nothing meanwhile."""
    if dtype not in (None, *DTYPES):
        raise ValueError(f"dtype {dtype!r} is not known; expected one of {', '.join(DTYPES)}: choose one.")
    import torch

    _quiet()
    from tasteprint.guide.generators import open_generator

    return open_generator(name, size, getattr(torch, dtype) if dtype else None, device, *memory)


def _quiet() -> None:
    """Say nothing of parts that load, and of classes that another library would have faster."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    with suppress(ImportError):  # that diffusers is missing is for the generator to say
        from diffusers.utils import logging as diffusers_logging

        diffusers_logging.set_verbosity_error()
        diffusers_logging.disable_progress_bar()
