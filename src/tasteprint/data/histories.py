"""Votes to histories: who is in which split, and examples whose history never shows a target.

Enters: one user's votes, or many users'. Leaves: splits and `Example`s, the same for the same seed.
Does not know: files, images, tensors. Pure functions. Ties never enter an example.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from tasteprint.types import Example, History, Vote

ATTEMPTS = 8
"""Random choices of targets before the choice that disturbs the history least; a choice of this project."""


def split_users(user_ids: Iterable[str], validation: float, test: float, seed: int) -> dict[str, str]:
    """Put each user into "test", "validation" or "train".

    Users are ordered by a seeded hash of their id and cut at the exact shares, rounded: 10 % of 174 raters
    are 17 and not a binomial draw. So the order of the log means nothing, and one more user moves at most
    the users at the cuts. ValueError for shares that leave no one to train on.
    """
    if not (validation >= 0 and test >= 0 and validation + test < 1):
        raise ValueError(
            f"the shares are validation {validation} and test {test}; expected both at least 0 and their sum "
            "below 1: lower them."
        )
    ordered = sorted(set(user_ids), key=lambda user: hashlib.sha256(f"{seed}:{user}".encode()).digest())
    n_test, n_validation = round(test * len(ordered)), round(validation * len(ordered))
    names = ["test"] * n_test + ["validation"] * n_validation
    names += ["train"] * (len(ordered) - len(names))
    return dict(zip(ordered, names, strict=True))


def unique_liked(votes: Iterable[Vote]) -> frozenset[str]:
    """Give the images that were preferred in at least one decided vote."""
    return frozenset(vote.liked for vote in votes if not vote.is_tie)


def draw_example(
    votes: Sequence[Vote], history_length: int, n_targets: int, rng: random.Random, temporal: bool = False
) -> Example:
    """Draw `n_targets` decided votes of one user and `history_length` others that show no image of theirs.

    Targets are chosen first. The history is then drawn at random from what is left and stands in the order
    drawn; in temporal mode it is the latest `history_length` votes strictly earlier than every target, oldest first.
    Where a random choice of targets leaves too little, others are tried, at last the least entangled.
    ValueError when the votes do not suffice, or have no time in temporal mode.
    """
    example = _drawn(_decided(votes, temporal), history_length, n_targets, rng, temporal)
    if example is None:
        whose = f"user {votes[0].user_id!r}" if votes else "a user"
        raise ValueError(
            f"{whose} has {len(_decided(votes, False))} decided votes, too few for {history_length} of history and "
            f"{n_targets} targets that share no image; expected more: lower history_length or leave this user out."
        )
    return example


def fixed_examples(
    votes_by_user: Mapping[str, Sequence[Vote]],
    history_length: int,
    n_targets: int,
    seed: int,
    temporal: bool = False,
) -> tuple[list[Example], list[str]]:
    """Draw one example a user for evaluation, and name the users who could not give one.

    A user with too few votes gives fewer targets, at least one. Each user's example depends on the seed and
    on this user's votes alone.
    """
    examples, skipped = [], []
    for user_id, votes in votes_by_user.items():
        rng = random.Random(f"{seed}:{user_id}")
        decided = _decided(votes, temporal)
        counts = range(min(n_targets, len(decided) - history_length), 0, -1)
        drawn = (_drawn(decided, history_length, count, rng, temporal) for count in counts)
        example = next((example for example in drawn if example is not None), None)
        if example is None:
            skipped.append(user_id)
        else:
            examples.append(example)
    return examples, skipped


def shortened(example: Example, history_length: int) -> Example:
    """Give the same targets with the first `history_length` votes of the history. ValueError if it has fewer."""
    if not 0 <= history_length <= len(example.history):
        raise ValueError(
            f"a history of {history_length} votes was asked of user {example.history.user_id!r}, whose example has "
            f"{len(example.history)}; expected at most that many: draw the examples with a larger history_length."
        )
    return replace(example, history=replace(example.history, votes=example.history.votes[:history_length]))


def with_history_of(example: Example, other: Example, spare: Sequence[Vote] = ()) -> Example:
    """Give the same targets with another user's history: the control of method.md section 7.

    Votes of the other that show a target image are left out; the other's targets and then `spare` (more of
    the other's votes) take their place. The history is shorter only where these do not suffice. It makes no
    promise about time.
    """
    shown = _images_of(example.targets)
    votes = dict.fromkeys(v for v in (*other.history.votes, *other.targets, *spare) if not v.is_tie)
    clean = [vote for vote in votes if shown.isdisjoint(vote.images)][: len(example.history)]
    return replace(example, history=History(other.history.user_id, tuple(clean)))


def _decided(votes: Sequence[Vote], temporal: bool) -> list[Vote]:
    decided = [vote for vote in votes if not vote.is_tie]
    if not temporal:
        return decided
    timeless = next((vote for vote in decided if vote.created_at is None), None)
    if timeless is not None:
        raise ValueError(
            f"a vote of user {timeless.user_id!r} has no time; expected created_at on every vote "
            "in temporal mode: map the column of the time, or draw without temporal."
        )
    return sorted(decided, key=_time)


def _time(vote: Vote) -> datetime:
    assert vote.created_at is not None  # _decided has refused it
    return vote.created_at


def _images_of(votes: Iterable[Vote]) -> set[str]:
    return {image for vote in votes for image in vote.images}


def _drawn(
    decided: list[Vote], history_length: int, n_targets: int, rng: random.Random, temporal: bool
) -> Example | None:
    if n_targets < 1 or history_length < 0 or len(decided) < history_length + n_targets:
        return None
    for targets in _choices(decided, history_length, n_targets, rng, temporal):
        shown = _images_of(targets)
        eligible = [vote for vote in decided if shown.isdisjoint(vote.images)]
        if temporal:
            first = min(map(_time, targets))
            eligible = [vote for vote in eligible if _time(vote) < first]
        if len(eligible) >= history_length:
            kept = (
                eligible[len(eligible) - history_length :]
                if temporal
                else rng.sample(eligible, history_length)
            )
            return Example(History(decided[0].user_id, tuple(kept)), tuple(targets))
    return None


def _choices(
    decided: list[Vote], history_length: int, n_targets: int, rng: random.Random, temporal: bool
) -> Iterable[list[Vote]]:
    """Random choices of targets, then the most promising ones."""
    later = decided[history_length:] if temporal else decided
    for _ in range(ATTEMPTS):
        # A random start keeps early targets likely although the earliest of several decides.
        start = rng.randint(0, len(later) - n_targets) if temporal else 0
        yield rng.sample(later[start:], n_targets)
    if not temporal:
        yield _least_entangled(decided, n_targets)
        return
    for end in range(len(decided), history_length + n_targets - 1, -1):
        yield decided[end - n_targets : end]


def _least_entangled(decided: list[Vote], n_targets: int) -> list[Vote]:
    """Greedily the targets that shut the fewest other votes out; the best choice where n_targets is 1."""
    targets: list[Vote] = []
    rest = list(decided)
    for _ in range(n_targets):
        best = min(rest, key=lambda vote: _shut_out(decided, _images_of([*targets, vote])))
        targets.append(best)
        rest.remove(best)
    return targets


def _shut_out(votes: list[Vote], shown: set[str]) -> int:
    return sum(not shown.isdisjoint(vote.images) for vote in votes)
