"""Many (person, image) requests at once, in passes that a memory budget bounds.

Enters: prints, prompts and a way to get pixels. Leaves: one margin a request, as each would get alone.
Does not know: how prints are made or kept.

How much one pass may take, and an estimate of what it takes.

Enters: a model's shapes and the size of a pass. Leaves: bytes. Does not know: votes, prints, scores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

from tasteprint.incontext.backbone import Idefics2Backbone
from tasteprint.incontext.loss import margin
from tasteprint.incontext.packing import Row
from tasteprint.incontext.reading import read_on
from tasteprint.incontext.states import identity
from tasteprint.vision.pixels import differentiable

if TYPE_CHECKING:
    from tasteprint.incontext.network import InContextModel
    from tasteprint.incontext.prints import InContextPrint


ROW_TOKENS = 512
"""Longest row of one person's candidates: they attend past each other, and what is masked is computed too."""

PixelsOf = Callable[[list[int]], Tensor]


def score_requests(
    prints: Sequence[InContextPrint], images: Float[Tensor, "n 3 h w"], prompts: Sequence[str]
) -> Float[Tensor, " n"]:
    """Score image n for person n: margins `M+ - M-`, higher is better, with gradients to the pixels.

    Images in [0, 1]. Each request gets the score that `prints[n].score` gives it alone, whatever else is in the
    call. ValueError where the counts differ, or a print is of another model than the first.
    """
    if not prints:
        return images.new_zeros(0)
    model = prints[0].model
    return margins(
        prints,
        prompts,
        lambda chosen: differentiable(images[chosen], model.backbone.processor, model.settings.image_size),
        len(images),
    )


def margins(
    prints: Sequence[InContextPrint], prompts: Sequence[str], pixels_of: PixelsOf, n_images: int
) -> Float[Tensor, " n"]:
    """Do the same from the backbone's pixels; `pixels_of` gives those of the requests it is asked for."""
    _check(prints, prompts, n_images)
    model = prints[0].model
    pairs = zip(prints, prompts, strict=True)
    asked = [model.encoder.asked(prompt, first=not person.history.votes) for person, prompt in pairs]
    batches = list(_batches(prints, [len(ids) for ids in asked], Cost(model.backbone)))
    parts = [_pass(model, prints, asked, chosen, pixels_of) for chosen in batches]
    order = torch.tensor([request for chosen in batches for request in chosen], device=model.device)
    return torch.cat(parts)[order.argsort()]


def _check(prints: Sequence[InContextPrint], prompts: Sequence[str], n_images: int) -> None:
    if not len(prints) == len(prompts) == n_images:
        people = f" of {len(prints)} people" if len(prints) != n_images else ""
        raise ValueError(
            f"{n_images} images{people} came with {len(prompts)} prompts; expected one prompt an image: repeat it."
        )
    needed = identity(prints[0].model)
    for person in prints:
        person.check(needed)


def _batches(prints: Sequence[InContextPrint], lengths: Sequence[int], cost: Cost) -> Iterator[list[int]]:
    """Put requests of a person together, people of like length beside each other, as many as the budget holds."""
    order = sorted(range(len(prints)), key=lambda n: (prints[n].length, id(prints[n]), n))
    chosen: list[int] = []
    rows: dict[int, int] = {}
    for request in order:
        person = id(prints[request])
        grown = {**rows, person: rows.get(person, 0) + lengths[request]}
        needed = cost(len(grown), max(grown.values()), prints[request].length, len(chosen) + 1)
        if chosen and (needed > WORKING_MEMORY or grown[person] > max(ROW_TOKENS, lengths[request])):
            yield chosen
            chosen, grown = [], {person: lengths[request]}
        chosen, rows = [*chosen, request], grown
    if chosen:
        yield chosen


def _pass(
    model: InContextModel,
    prints: Sequence[InContextPrint],
    asked: Sequence[tuple[int, ...]],
    chosen: list[int],
    pixels_of: PixelsOf,
) -> Float[Tensor, " n"]:
    """Ask about candidates side by side after their person's history, none seeing another."""
    people = {id(prints[n]): prints[n] for n in chosen}
    rows = [
        _row(person, [(n, asked[n]) for n in chosen if prints[n] is person]) for person in people.values()
    ]
    pasts = [person.length for person in people.values()]
    keys = [pad(person.keys, (0, 0, max(pasts) - person.length, 0)) for person in people.values()]
    features = model.backbone.image_features(pixels_of(chosen).to(model.device))
    reading = read_on(model, torch.stack(keys, dim=2), pasts, rows, features)
    return margin(reading.logits.float(), model.answers)


def _row(person: InContextPrint, candidates: Sequence[tuple[int, tuple[int, ...]]]) -> Row:
    """Lay out candidates as `data.collate.pack` does, without the history that the keys stand for."""
    row = Row()
    for segment, (name, ids) in enumerate(candidates, 1):
        row.append(ids, segment, person.length)
        row.images.append(str(name))
        row.targets.append(len(row.ids) - 1)
    return row


WORKING_MEMORY = 512 * 2**20
"""Bytes that one pass may take beside weights and prints (`Cost` estimates it); one request always goes."""


class Cost:
    """Estimated bytes of a pass without gradients; with gradients every layer adds as much again."""

    def __init__(self, backbone: Idefics2Backbone) -> None:
        """Count the numbers alive at once, in the widest layer: a token's, an image's, a place's keys and values."""
        config: Any = backbone.network.config
        text, vision = config.text_config, config.vision_config
        side = backbone.processor.image_processor.size["longest_edge"]
        self.size = backbone.network.dtype.itemsize
        self.token = 10 * text.hidden_size + 3 * text.intermediate_size
        self.image = (side // vision.patch_size) ** 2 * (
            8 * vision.hidden_size + 2 * vision.intermediate_size
        )
        width = text.head_dim or text.hidden_size // text.num_attention_heads
        self.place = 2 * text.num_hidden_layers * text.num_key_value_heads * width

    def __call__(self, rows: int, tokens: int, past: int, images: int) -> int:
        """Give the bytes of `rows` rows of at most `tokens` tokens, each after `past` places.

        Keys and values are counted three times (gathered, cached, grown), the mask twice.
        """
        row = 3 * past * self.place + tokens * self.token + 2 * tokens * (past + tokens)
        return self.size * (rows * row + images * self.image)

    @property
    def images_at_once(self) -> int:
        """How many images go through the vision part together."""
        return max(1, WORKING_MEMORY // (self.size * self.image))
