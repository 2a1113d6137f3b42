"""`tasteprint agents`: simulated people as in the paper, and images of what they like and dislike.

Enters: the command line. Leaves: a folder of agents. Does not know: how it is done.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tasteprint.app.data import progress_bar

if TYPE_CHECKING:
    from tasteprint.guide.text_to_image import TextToImage
    from tasteprint.world.generator import PainterGenerator

agents_app = typer.Typer(help="Make simulated people and images for them.", no_args_is_help=True)

PAINTER = "painter"


@agents_app.callback()
def _agents() -> None:
    """Make simulated people and images for them."""


@agents_app.command("build")
def build_command(
    out: Annotated[Path, typer.Option(help="The folder of the agents; new or empty.")],
    agents: Annotated[int, typer.Option(help="How many agents.")] = 30,
    seed: Annotated[int, typer.Option(help="Decides the agents, the prompts and the noise.")] = 0,
    distance: Annotated[float, typer.Option(help="Least Jaccard distance between two agents.")] = 0.8,
    images: Annotated[int, typer.Option(help="Liked images an agent, and as many disliked ones.")] = 10,
    generator: Annotated[
        str,
        typer.Option(
            help="painter, or a diffusers repository or folder, as black-forest-labs/FLUX.1-schnell."
        ),
    ] = PAINTER,
    size: Annotated[
        int | None, typer.Option(help="Side of an image in pixels: 64 for the painter, else 512.")
    ] = None,
    steps: Annotated[int, typer.Option(help="Steps of a diffusers pipeline.")] = 4,
    guidance: Annotated[float, typer.Option(help="Guidance of a diffusers pipeline.")] = 0.0,
) -> None:
    """Draw agents who like and dislike given attributes, and have images made for each (P section 3.2)."""
    from tasteprint.world.agent_set import require_new, write_agents
    from tasteprint.world.agents import draw_agents

    require_new(out)
    people = draw_agents(agents, seed, distance)  # before a model is loaded: a mistake should show at once
    painted = generator == PAINTER
    settings: dict[str, object] = {
        "seed": seed,
        "distance": distance,
        "images": images,
        "generator": generator,
    }
    size = (64 if painted else 512) if size is None else size
    settings |= {"size": size} if painted else {"size": size, "steps": steps, "guidance": guidance}
    maker = _generator(generator, steps, guidance)
    with progress_bar() as progress:
        shape = maker.noise_shape(size)
        write_agents(out, people, maker, shape, images, seed, painted, settings, progress)
    _say(out, agents, images)


def _generator(name: str, steps: int, guidance: float) -> PainterGenerator | TextToImage:
    if name == PAINTER:
        from tasteprint.world.generator import PainterGenerator

        return PainterGenerator()
    from tasteprint.guide.text_to_image import TextToImage

    return TextToImage.from_pretrained(name, steps, guidance)


def _say(out: Path, agents: int, images: int) -> None:
    from tasteprint.config import DataConfig

    few = f" --min-liked {images}" if images < DataConfig().min_liked else ""
    typer.echo(f"{agents} agents with {2 * images} images each are in {out}. A dataset of their votes:")
    typer.echo(f"tasteprint data build {out / 'votes.csv'} --mapping {out / 'mapping.toml'}{few} --out data")
