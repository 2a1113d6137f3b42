"""`tasteprint agents`: simulated people as in the paper, and images of what they like and dislike.

Enters: the command line. Leaves: a folder of agents. Does not know: how agents are drawn, how images are made.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tasteprint.cli.bounds import SEEDS, number_option
from tasteprint.cli.progress import progress_bar

if TYPE_CHECKING:
    from tasteprint.guide.text_to_image import TextToImage
    from tasteprint.simulate.painter import PainterGenerator


agents_app = typer.Typer(help="Make simulated people and images for them.", no_args_is_help=True)

PAINTER = "painter"


@agents_app.callback()
def _agents() -> None:
    """Make simulated people and images for them."""


@agents_app.command("build")
def build_agents_command(
    out: Annotated[Path, typer.Option(help="The folder of the agents; new or empty.")],
    agents: Annotated[int, number_option("How many agents.", 1, 1000)] = 30,
    seed: Annotated[int, number_option("Seed of the agents, the prompts and the noise.", 0, SEEDS)] = 0,
    min_jaccard: Annotated[
        float, number_option("Least Jaccard distance between the attributes of two agents.", 0, 1)
    ] = 0.8,
    images: Annotated[
        int, number_option("Liked images of each agent, and as many disliked ones.", 1, 1000)
    ] = 10,
    generator: Annotated[
        str,
        typer.Option(
            help="painter, a generator's short name such as sd-turbo, or a diffusers repository or folder."
        ),
    ] = PAINTER,
    size: Annotated[
        int | None,
        number_option(
            "Side of an image in pixels; by default the generator's own (painter: 64), else 512.", 8, 4096
        ),
    ] = None,
    steps: Annotated[
        int | None,
        number_option("Steps of a diffusers pipeline; by default the generator's own, else 4.", 1, 1000),
    ] = None,
    guidance: Annotated[float, number_option("Guidance scale of a diffusers pipeline.", 0, 100)] = 0.0,
) -> None:
    """Draw agents who like and dislike given attributes, and have images made for each (P section 3.2)."""
    from tasteprint.files import require_new
    from tasteprint.locks import held_new
    from tasteprint.simulate.agent_set import write_agents
    from tasteprint.simulate.agents import draw_agents

    require_new(out)
    people = draw_agents(agents, seed, min_jaccard)  # before a model is loaded: a mistake should show at once
    maker, shape, used = _generator(generator, size, steps, guidance)
    settings = {"seed": seed, "min_jaccard": min_jaccard, "images": images, "generator": generator, **used}
    with held_new(out), progress_bar() as progress:
        write_agents(out, people, maker, shape, images, seed, generator == PAINTER, settings, progress)
    _say(out, agents, images)


def _generator(
    name: str, size: int | None, steps: int | None, guidance: float
) -> tuple[PainterGenerator | TextToImage, tuple[int, int, int], dict[str, object]]:
    """Give a generator, the shape of its noise, and the settings with which it makes images."""
    if name == PAINTER:
        from tasteprint.simulate.painter import PainterGenerator

        painter, size = PainterGenerator(), 64 if size is None else size
        return painter, painter.noise_shape(size), {"size": size}
    from tasteprint.guide.generators import GENERATORS, entry_of, open_generator

    entry = entry_of(name) if name in GENERATORS else replace(entry_of(name), size=512, steps=4)
    entry = replace(entry, guidance=guidance, steps=entry.steps if steps is None else steps)
    maker = open_generator(entry, size)
    return maker, maker.noise_shape(), {"size": maker.size, "steps": maker.steps, "guidance": guidance}


def _say(out: Path, agents: int, images: int) -> None:
    from tasteprint.config import DataConfig

    few = f" --min-liked {images}" if images < DataConfig().min_liked else ""
    typer.echo(f"{agents} agents with {2 * images} images each are in {out}. A dataset of their votes:")
    typer.echo(f"tasteprint data build {out / 'votes.csv'} --mapping {out / 'mapping.toml'}{few} --out data")
