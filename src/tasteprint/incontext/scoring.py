"""Many (person, image) requests at once, in passes that a memory budget bounds.

Enters: what was read of each request's person, its prompt, a way to get pixels. Leaves: one margin a request, as each
would get alone. Does not know: prints, how a past came about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

from tasteprint.incontext.frozen import WORKING_MEMORY, FrozenNetwork, PassCost, Past
from tasteprint.incontext.loss import margin
from tasteprint.incontext.packing import Row

ROW_TOKENS = 512
"""Longest row of one person's candidates: they attend past each other, and what is masked is computed too."""

PixelsOf = Callable[[list[int]], Tensor]
"""Numbers of requests to the backbone's pixels of their images."""


def request_margins(
    frozen: FrozenNetwork,
    pasts: Sequence[Past],
    prompts: Sequence[str],
    pixels_of: PixelsOf,
    n_images: int,
) -> Float[Tensor, " n"]:
    """Score image n for the person of past n: `M+ - M-`, higher is better, with gradients to the pixels.

    ValueError where the counts differ.
    """
    _require_as_many(len(pasts), prompts, n_images)
    encoder = frozen.network.encoder
    turns = [encoder.target(prompt, first=past.is_empty) for past, prompt in zip(pasts, prompts, strict=True)]
    batches = list(_batches(pasts, [len(ids) for ids in turns], PassCost(frozen.network.backbone)))
    parts = [_one_pass(frozen, pasts, turns, chosen, pixels_of) for chosen in batches]
    order = torch.tensor([request for chosen in batches for request in chosen], device=frozen.network.device)
    return torch.cat(parts)[order.argsort()]


def _require_as_many(people: int, prompts: Sequence[str], images: int) -> None:
    if isinstance(prompts, str) or not all(isinstance(prompt, str) for prompt in prompts):
        strange = next((prompt for prompt in prompts if not isinstance(prompt, str)), prompts)
        raise ValueError(
            f"the prompts are or hold {strange!r}; expected a list of texts, one an image, and where "
            "there is none an empty one."
        )
    if not people == len(prompts) == images:
        of = f" of {people} people" if people != images else ""
        raise ValueError(
            f"{images} images{of} came with {len(prompts)} prompts; expected one prompt an image: repeat it."
        )


def _batches(pasts: Sequence[Past], lengths: Sequence[int], cost: PassCost) -> Iterator[list[int]]:
    """Put requests of a person together, people of like length beside each other, as many as the budget holds."""
    order = sorted(range(len(pasts)), key=lambda n: (pasts[n].length, id(pasts[n]), n))
    chosen: list[int] = []
    rows: dict[int, int] = {}
    for request in order:
        person = id(pasts[request])
        grown = {**rows, person: rows.get(person, 0) + lengths[request]}
        needed = cost(len(grown), max(grown.values()), pasts[request].length, len(chosen) + 1)
        if chosen and (needed > WORKING_MEMORY or grown[person] > max(ROW_TOKENS, lengths[request])):
            yield chosen
            chosen, grown = [], {person: lengths[request]}
        chosen, rows = [*chosen, request], grown
    if chosen:
        yield chosen


def _one_pass(
    frozen: FrozenNetwork,
    pasts: Sequence[Past],
    turns: Sequence[tuple[int, ...]],
    chosen: list[int],
    pixels_of: PixelsOf,
) -> Float[Tensor, " n"]:
    """Ask about candidates side by side after their person's history, none seeing another."""
    people = {id(pasts[n]): pasts[n] for n in chosen}
    rows = [_row(past, [(n, turns[n]) for n in chosen if pasts[n] is past]) for past in people.values()]
    lengths = [past.length for past in people.values()]
    keys = [pad(past.keys, (0, 0, max(lengths) - past.length, 0)) for past in people.values()]
    network = frozen.network
    features = network.backbone.image_features(pixels_of(chosen).to(network.device))
    out = frozen.read_on(torch.stack(keys, dim=2), lengths, rows, features)
    return margin(out.targets.float(), network.answers)


def _row(past: Past, candidates: Sequence[tuple[int, tuple[int, ...]]]) -> Row:
    """Lay out candidates as `packing.pack` does, without the history that the keys stand for."""
    row = Row()
    for segment, (name, ids) in enumerate(candidates, 1):
        row.append(ids, segment, past.length)
        row.images.append(str(name))
        row.targets.append(len(row.ids) - 1)
    return row
