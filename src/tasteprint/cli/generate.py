"""`tasteprint generate`: a picture of what a prompt says, as one person will like it.

Enters: the command line. Leaves: a folder with the picture and all that is needed to make it again.
Does not know: how noise is improved, how scores are computed.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tasteprint.cli.bounds import SEEDS, number_option
from tasteprint.cli.own_pictures import Disliked, Liked, Stars, Votes, read_person
from tasteprint.cli.person import Count, DataFolder, User, unicode_text
from tasteprint.cli.progress import progress_bar, quiet_libraries
from tasteprint.cli.steering import (
    check_loss,
    fitting_model,
    open_prints,
    other_rewards,
    own_rewards,
    read_weights,
)

if TYPE_CHECKING:
    from tasteprint.guide.text_to_image import TextToImage


DTYPES = ("float32", "bfloat16", "float16")

Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        help="A model that reads the history; by default one that learned from such. Several share the weight.",
    ),
]
Rewards = Annotated[
    list[str] | None,
    typer.Option("--reward", help="name=WEIGHT of another scorer, as in pickscore=0.05; may be repeated."),
]
Loss = Annotated[
    str | None,
    typer.Option(help="q: 1 - Q; margin: minus the score. By default margin with a taste posterior, else q."),
]
Pessimism = Annotated[
    float,
    typer.Option(help="Subtract so many standard deviations from the score of a taste posterior."),
]
BestOf = Annotated[
    int,
    number_option(
        "Instead of optimising the noise, take the best of so many draws; 0: optimise.", 0, 100_000
    ),
]
Patience = Annotated[int, typer.Option(help="Stop after so many steps without a better picture; 0: never.")]
Generator = Annotated[
    str, typer.Option(help="A generator's short name, or a diffusers repository or folder.")
]


def generate_command(
    prompt: Annotated[str, typer.Option(help="What the picture shows.", callback=unicode_text)],
    out: Annotated[Path, typer.Option(help="The folder of the result; new or empty.")],
    liked: Liked = None,
    disliked: Disliked = None,
    votes: Votes = None,
    stars: Stars = None,
    data: DataFolder = None,
    user: User = None,
    history_length: Count = None,
    model: Models = None,
    generator: Generator = "mini-generator",
    steps: Annotated[int, typer.Option(help="Gradient steps on the noise.")] = 30,
    seed: Annotated[int, number_option("Seed of the noise.", 0, SEEDS)] = 0,
    num_noises: Annotated[int, number_option("How many noises, from this seed and the next.", 1, 1000)] = 1,
    best_of: BestOf = 0,
    loss: Loss = None,
    weight: Annotated[float, typer.Option(help="Weight of the person's taste.")] = 0.75,
    pessimism: Pessimism = 0.0,
    reward: Rewards = None,
    patience: Patience = 0,
    size: Annotated[
        int | None, number_option("Side in pixels; default the generator's own.", 8, 4096)
    ] = None,
    dtype: Annotated[str | None, typer.Option(help="float32, bfloat16 or float16.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda.")] = None,
    checkpointing: Annotated[
        bool, typer.Option("--checkpointing", help="Recompute in the backward pass: less memory, more time.")
    ] = False,
    slicing: Annotated[
        bool, typer.Option("--slicing", help="Decode images one by one: less memory.")
    ] = False,
    offload: Annotated[bool, typer.Option("--offload", help="Keep weights in main memory.")] = False,
) -> None:
    """Make a picture that one person will like, by optimising a generator's noise for the person's taste."""
    arguments = dict(locals())
    from tasteprint.config import GuideConfig

    config = GuideConfig(steps=steps, weight=weight, patience=patience)
    weights = read_weights(reward or [])
    check_loss(loss, pessimism)
    from tasteprint.data.decode import open_image
    from tasteprint.devices import usable_device
    from tasteprint.files import require_place, write_folder
    from tasteprint.locks import held_new
    from tasteprint.report.generation import generation_record

    if device is not None:
        usable_device(device)
    require_place(out)  # a mistake should show before a model is loaded
    person = read_person(liked, disliked, votes, stars, data, user)
    with held_new(out):
        maker = open_quietly(generator, size, dtype, device, checkpointing, slicing, offload)
        chosen = model or [fitting_model(generator, prompt, person)]
        prints = open_prints(chosen, person, open_image, device, history_length)
        rewards = [
            *own_rewards(prints, config.weight, loss, pessimism),
            *other_rewards(weights, device, person, open_image),
        ]
        from tasteprint.guide import reno
        from tasteprint.report.generation import GenerationTrace

        trace = GenerationTrace(list(prints), [seed + row for row in range(num_noises)])
        draws = reno.noises(maker.noise_shape(size), trace.seeds)
        if best_of:
            run = reno.best_of(maker, prompt, islice(draws, best_of), rewards)
        else:
            run = reno.guide(maker, prompt, next(draws), rewards, config)
        with progress_bar() as progress:
            for step in run:
                trace.add(step)
                progress(f"Q {trace.best_q:.3f}", step.number, best_of - 1 if best_of else steps)
        models = {name: one.fingerprint for name, one in prints.items()}
        write_folder(out, trace.files(generation_record(arguments, config, maker, models, rewards, person)))
        for fault in trace.faults:
            typer.echo(f"tasteprint: {fault}", err=True)
        typer.echo(f"{trace.summary()} {out / 'best.png'}")


def open_quietly(
    name: str, size: int | None = None, dtype: str | None = None, device: str | None = None, *memory: bool
) -> TextToImage:
    """Open a generator without messages of its libraries. ValueError for an unknown dtype."""
    if dtype not in (None, *DTYPES):
        raise ValueError(f"dtype {dtype!r} is not known; expected one of {', '.join(DTYPES)}: choose one.")
    import torch

    quiet_libraries()
    from tasteprint.guide.generators import open_generator

    return open_generator(name, size, getattr(torch, dtype) if dtype else None, device, *memory)
