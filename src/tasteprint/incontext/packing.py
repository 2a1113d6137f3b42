"""Examples to padded tensors: one row a person, [P_v ; history ; target 1 ... target T].

Enters: histories and candidates. Leaves: a dict of tensors, and masks that say what each place may look at. Does not
know: users, files, the network.

Two people, no preference tokens, one vote and one target each would give (`h` history, `t` target, `.` pad):

    input_ids     [[.  .  h h h h t t], [h h h h h h t t]]      SLOT where a preference token goes
    segments      [[-1 -1 0 0 0 0 1 1], [0 0 0 0 0 0 1 1]]      -1 pad, 0 shared by all, k the k-th target
    position_ids  [[0  0  0 1 2 3 4 5], [0 1 2 3 4 5 6 7]]      every target goes on where the history ends
    targets       [[0, 7], [1, 7]]                              row and column at which an answer is read
    context       [[0, 3], ...]  context_liked [True, ...]      the same for the answers inside the history
    image_index   [0, 1, 2, 0, ...]                             which distinct image each <image> is, in order
    context_image [0, 1, ...]    target_image [2, ...]          the same, image by answer
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tasteprint.incontext.conversation import TurnEncoder
from tasteprint.types import Example, History

SLOT = -1
Batch = dict[str, Tensor]


@dataclass(slots=True)
class Row:
    """One person's sequence before padding."""

    ids: list[int] = field(default_factory=list)
    segments: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    context: list[int] = field(default_factory=list)
    context_liked: list[bool] = field(default_factory=list)

    def append(self, ids: Sequence[int], segment: int, start: int) -> None:
        """Add ids of one segment at positions `start`, `start + 1`, ..."""
        self.ids += ids
        self.segments += [segment] * len(ids)
        self.positions += range(start, start + len(ids))


def pack(history: History, candidates: Sequence[tuple[str, str]], encoder: TurnEncoder, n_tokens: int) -> Row:
    """Say one history once, then each (image, prompt) candidate as a target of its own."""
    row = Row()
    row.append([SLOT] * n_tokens + list(encoder.begin), 0, 0)
    for vote in history.votes:
        for image in vote.images:
            _add_context(row, encoder, vote.prompt, image, image == vote.liked)
    shared = len(row.ids)
    for number, (image, prompt) in enumerate(candidates, 1):
        row.append(encoder.target(prompt, first=not history.votes), number, shared)
        row.images.append(image)
        row.targets.append(len(row.ids) - 1)
    return row


def _add_context(row: Row, encoder: TurnEncoder, prompt: str, image: str, liked: bool) -> None:
    row.append(encoder.context(prompt, liked, first=not row.images), 0, len(row.ids))
    row.images.append(image)
    row.context.append(len(row.ids) - 3)  # the answer is the last id but one; it is read one before that
    row.context_liked.append(liked)


def pack_example(example: Example, encoder: TurnEncoder, n_tokens: int) -> Row:
    """Pack an example whose target pairs become neighbouring candidates, the liked image first."""
    pairs = [((vote.liked, vote.prompt), (vote.disliked, vote.prompt)) for vote in example.targets]
    return pack(example.history, [candidate for pair in pairs for candidate in pair], encoder, n_tokens)


def collate(rows: Sequence[Row], pad_id: int) -> tuple[Batch, list[str]]:
    """Pad rows on the left and number their distinct images.

    Returns the tensors shown above and the distinct image names, whose pixels or features the caller adds.
    """
    width = max(len(row.ids) for row in rows)
    names = {name: number for number, name in enumerate(dict.fromkeys(n for row in rows for n in row.images))}
    numbers = [[names[name] for name in row.images] for row in rows]
    batch = {
        "input_ids": _padded([row.ids for row in rows], width, pad_id),
        "segments": _padded([row.segments for row in rows], width, -1),
        "position_ids": _padded([row.positions for row in rows], width, 0),
        "targets": _places([row.targets for row in rows], rows, width),
        "context": _places([row.context for row in rows], rows, width),
        "context_liked": torch.tensor(
            [liked for row in rows for liked in row.context_liked], dtype=torch.bool
        ),
        "image_index": _flat(numbers),
        "context_image": _flat(
            [images[: len(row.context)] for row, images in zip(rows, numbers, strict=True)]
        ),
        "target_image": _flat(
            [images[len(row.context) :] for row, images in zip(rows, numbers, strict=True)]
        ),
    }
    return batch, list(names)


def _padded(lists: Sequence[list[int]], width: int, fill: int) -> Tensor:
    return torch.tensor([[fill] * (width - len(values)) + values for values in lists], dtype=torch.long)


def _flat(lists: Sequence[list[int]]) -> Tensor:
    return torch.tensor([value for values in lists for value in values], dtype=torch.long)


def _places(columns: Sequence[list[int]], rows: Sequence[Row], width: int) -> Tensor:
    places = [
        (number, width - len(row.ids) + column)
        for number, (row, read) in enumerate(zip(rows, columns, strict=True))
        for column in read
    ]
    return torch.tensor(places, dtype=torch.long).reshape(-1, 2)


def visible(segments: Int[Tensor, "b s"], dtype: torch.dtype) -> Float[Tensor, "b 1 s s"]:
    """Say what each place attends to: itself, and earlier places of the history or of its own target.

    0 where it may look, the lowest number of `dtype` where it may not; a pad sees only itself.
    """
    here, there = segments[:, :, None], segments[:, None, :]
    length = segments.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool, device=segments.device).tril()
    seen = causal & ((there == 0) | (there == here)) & (there >= 0) & (here >= 0)
    seen = seen | torch.eye(length, dtype=torch.bool, device=segments.device)
    return torch.zeros(seen.shape, dtype=dtype, device=segments.device).masked_fill_(
        ~seen, torch.finfo(dtype).min
    )[:, None]


def visible_past(
    lengths: Sequence[int], places: int, within: Float[Tensor, "b 1 s s"]
) -> Float[Tensor, "b 1 s past"]:
    """Say of the same places what they see of `places` read before: of each row its own, the last `lengths[b]`."""
    first = places - torch.tensor(lengths, device=within.device)
    foreign = torch.arange(places, device=within.device)[None] < first[:, None]
    past = torch.zeros(foreign.shape, dtype=within.dtype, device=within.device)
    past = past.masked_fill_(foreign, torch.finfo(within.dtype).min)
    return past[:, None, None].expand(-1, 1, within.shape[-1], -1)
