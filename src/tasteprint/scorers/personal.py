"""What a scorer of one person's taste reads of their history: liked and disliked pictures, alone or side by side.

Enters: a history. Leaves: names of pictures; the history as alternating choices. Does not know: models, pixels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from tasteprint.types import History, Vote

if TYPE_CHECKING:
    from tasteprint.types import OpenImage, Scorer


@runtime_checkable
class PersonalScorer(Protocol):
    """A model that scores for one person, opened once for all."""

    def of(self, history: History, open_image: OpenImage) -> Scorer:
        """Give the scorer of one person; `open_image` opens the names in their history. ValueError for too little."""
        ...


def liked_and_disliked(history: History) -> tuple[list[str], list[str]]:
    """Give the pictures that were preferred or rated in the upper half, and the others, oldest first, each once.

    Ties and the middle of a scale say neither. A picture that is both counts as what was said of it last.
    """
    said: dict[str, bool] = {}
    for vote in history.votes:
        if not vote.is_tie:
            said |= {vote.liked: True, vote.disliked: False}
    for rating in history.ratings:
        if 2 * rating.stars != rating.out_of + 1:
            said[rating.image] = 2 * rating.stars > rating.out_of + 1
    return [name for name, liked in said.items() if liked], [
        name for name, liked in said.items() if not liked
    ]


def as_choices(history: History) -> History:
    """Give a history of choices: its decided votes, then likes and dislikes put side by side in their order.

    Of more likes than dislikes, or fewer, the first ones are taken. The disliked picture comes first in each, as
    ViPer shows them.
    """
    votes = [vote if vote.label_0 == 0 else vote.swapped() for vote in history.votes if not vote.is_tie]
    liked, disliked = liked_and_disliked(History(history.user_id, ratings=history.ratings))
    pairs = zip(disliked, liked, strict=False)
    votes += [Vote(history.user_id, "", worse, better, 0.0) for worse, better in pairs]
    return History(history.user_id, tuple(votes))
