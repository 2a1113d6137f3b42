"""What one person said of their own files: likes, dislikes, votes and stars as one history.

Enters: folders of liked and disliked pictures, files of votes and stars. Leaves: a `History` whose images are named by
paths, or by content. Does not know: models, embeddings, rankings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeGuard, TypeVar

from tasteprint.data.history_files import YOU, read_history, read_stars
from tasteprint.library.folder import find_pictures
from tasteprint.types import History, Opinion, Rating, Vote

Sources = str | Path | Sequence[str | Path]
"""A folder, a file, a pattern, or several of these."""

VotesFrom = str | Path | Sequence[str | Path | Vote] | None
"""A table of votes, several, or votes themselves."""

StarsFrom = str | Path | Sequence[str | Path | Rating] | None

One = TypeVar("One")

LIKED, DISLIKED = (2, 2), (1, 2)
"""Stars, and of how many."""


def gather_opinions(
    liked: Sources = (),
    disliked: Sources = (),
    votes: VotesFrom = (),
    stars: StarsFrom = (),
) -> History:
    """Read all that a person said, in the order given; a picture both liked and disliked counts as both.

    ValueError for sources without a picture, and for files that are no votes or stars.
    """
    ratings = [
        Rating(YOU, "", str(path), *what)
        for sources, what in ((liked, LIKED), (disliked, DISLIKED))
        for path in (find_pictures(as_list(sources)).paths if as_list(sources) else ())
    ]
    said = [
        vote
        for one in as_list(votes)
        for vote in ([one] if isinstance(one, Vote) else read_history(Path(one)))
    ]
    given = [
        rated
        for one in as_list(stars)
        for rated in ([one] if isinstance(one, Rating) else read_stars(Path(one)))
    ]
    return History(said[0].user_id if said else YOU, tuple(said), (*ratings, *given))


def as_list(sources: str | Path | Sequence[One] | None) -> list[str | Path | One]:
    """One source, several or none, as a list."""
    if sources is None:
        return []
    return [sources] if isinstance(sources, str | Path) else list(sources)


def renamed(history: History, names: Mapping[str, str]) -> History:
    """Give the same opinions of images under other names.

    Left out are those of images that have no other name, and votes between two that have the same.
    """
    votes = tuple(
        replace(vote, image_0=names[vote.image_0], image_1=names[vote.image_1])
        for vote in history.votes
        if len({names[image] for image in vote.images if image in names}) == 2
    )
    ratings = tuple(replace(one, image=names[one.image]) for one in history.ratings if one.image in names)
    return History(history.user_id, votes, ratings)


def says_only_likes(history: History) -> bool:
    """Whether there are likes, and nothing tells what the person does not like."""
    ratings = {(one.stars, one.out_of) for one in history.ratings}
    return not history.votes and ratings == {LIKED}


def wording(opinion: Vote | Rating) -> str:
    """What was said, in a few words, of the picture that `subject` names."""
    if isinstance(opinion, Vote):
        return "tie" if opinion.is_tie else "preferred"
    words = {LIKED: "liked", DISLIKED: "disliked"}
    stars = (opinion.stars, opinion.out_of)
    return words.get(stars, f"{opinion.stars} of {opinion.out_of} stars")


def says_liked(opinion: Opinion) -> TypeGuard[Vote | Rating]:
    """Whether it says that the person likes its `subject`: a decided vote, or more than half of the stars."""
    if isinstance(opinion, Vote):
        return not opinion.is_tie
    return isinstance(opinion, Rating) and 2 * opinion.stars > opinion.out_of + 1


def subject(opinion: Vote | Rating) -> str:
    """The picture that an opinion is shown by: the liked one of a vote, the first of a tie."""
    if isinstance(opinion, Vote):
        return opinion.image_0 if opinion.is_tie else opinion.liked
    return opinion.image


def words_by_image(history: History) -> dict[str, str]:
    """What was said of each image in words; of a vote, both sides."""
    said: dict[str, dict[str, None]] = {}
    opinions: tuple[Vote | Rating, ...] = (*history.votes, *history.ratings)
    for opinion in opinions:
        said.setdefault(subject(opinion), {})[wording(opinion)] = None
        if isinstance(opinion, Vote):
            other = opinion.image_1 if opinion.is_tie else opinion.disliked
            said.setdefault(other, {})["tie" if opinion.is_tie else "not preferred"] = None
    return {image: ", ".join(words) for image, words in said.items()}


def count_said(history: History) -> int:
    """How many opinions a person gave; what they passed is none."""
    return len(history.votes) + len(history.ratings)
