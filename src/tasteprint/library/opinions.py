"""What one person said of their own files: likes, dislikes, votes and stars as one history.

Enters: folders of liked and disliked pictures, files of votes and stars. Leaves: a `History` whose images are named by
paths, or by content. Does not know: models, embeddings, rankings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tasteprint.data.history_files import YOU, read_history, read_stars
from tasteprint.library.folder import find_pictures
from tasteprint.types import History, Opinion, Rating, Vote

Sources = str | Path | Sequence[str | Path]
"""A folder, a file, a pattern, or several of these."""

LIKED, DISLIKED = (2, 2), (1, 2)
"""Stars, and of how many."""


def gather_opinions(
    liked: Sources = (),
    disliked: Sources = (),
    votes: str | Path | Sequence[Vote] | None = None,
    stars: str | Path | Sequence[Rating] | None = None,
) -> History:
    """Read all that a person said; a picture both liked and disliked counts as both.

    ValueError for sources without a picture, and for files that are no votes or stars.
    """
    ratings = [
        Rating(YOU, "", str(path), *what)
        for sources, what in ((liked, LIKED), (disliked, DISLIKED))
        for path in (find_pictures(as_list(sources)).paths if as_list(sources) else ())
    ]
    said = read_history(Path(votes)) if isinstance(votes, str | Path) else tuple(votes or ())
    given = read_stars(Path(stars)) if isinstance(stars, str | Path) else tuple(stars or ())
    return History(said[0].user_id if said else YOU, said, (*ratings, *given))


def as_list(sources: Sources | None) -> list[str | Path]:
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
    """Whether nothing tells what the person does not like."""
    return not history.votes and all(one.stars == one.out_of == LIKED[1] for one in history.ratings)


def wording(opinion: Opinion) -> str:
    """What was said, in a few words, of the picture that `subject` names."""
    if isinstance(opinion, Vote):
        return "tie" if opinion.is_tie else "preferred"
    words = {LIKED: "liked", DISLIKED: "disliked"}
    stars = (opinion.stars, opinion.out_of)
    return words.get(stars, f"{opinion.stars} of {opinion.out_of} stars")


def says_liked(opinion: Opinion) -> bool:
    """Whether it says that the person likes its `subject`: a decided vote, or more than half of the stars."""
    if isinstance(opinion, Vote):
        return not opinion.is_tie
    return 2 * opinion.stars > opinion.out_of + 1


def subject(opinion: Opinion) -> str:
    """The picture that an opinion is shown by: the liked one of a vote, the first of a tie."""
    if isinstance(opinion, Vote):
        return opinion.image_0 if opinion.is_tie else opinion.liked
    return opinion.image


def words_by_image(opinions: Iterable[Opinion]) -> dict[str, str]:
    """What was said of each image in words; of a vote, both sides."""
    said: dict[str, dict[str, None]] = {}
    for opinion in opinions:
        said.setdefault(subject(opinion), {})[wording(opinion)] = None
        if isinstance(opinion, Vote):
            other = opinion.image_1 if opinion.is_tie else opinion.disliked
            said.setdefault(other, {})["tie" if opinion.is_tie else "not preferred"] = None
    return {image: ", ".join(words) for image, words in said.items()}
