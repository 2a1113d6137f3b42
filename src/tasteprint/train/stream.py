"""An endless, repeatable stream of training examples.

Enters: votes by user and a seed. Leaves: item `i`, the same in every run. Does not know: tensors, models.
Because an item depends on its number alone, an interrupted run resumes exactly where it stopped.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from torch.utils.data import Dataset

from tasteprint.data.histories import draw_example
from tasteprint.types import Example, History, Vote


class ExampleStream(Dataset[Example]):
    """`length` examples: people take turns in a seeded order, each time with other votes in another order."""

    def __init__(
        self,
        votes_by_user: Mapping[str, Sequence[Vote]],
        length: int,
        history_length: int,
        n_targets: int,
        shorter: float = 0.0,
        temporal: bool = False,
        seed: int = 0,
        batch: int = 1,
    ) -> None:
        """Take people with enough votes; ValueError where nobody has.

        `shorter` is the share of batches with histories of one shorter length, so that no place is padded.
        """
        decided = {user: [vote for vote in votes if not vote.is_tie] for user, votes in votes_by_user.items()}
        self.people = [votes for votes in decided.values() if len(votes) > history_length]
        if not self.people:
            raise ValueError(
                f"none of {len(decided)} people has more than {history_length} decided votes; expected some: lower "
                "data.history_length."
            )
        self.length, self.history_length, self.n_targets = length, history_length, n_targets
        self.shorter, self.temporal, self.seed, self.batch = shorter, temporal, seed, batch

    def __len__(self) -> int:
        """Number of examples in the whole run."""
        return self.length

    def __getitem__(self, index: int) -> Example:
        """Draw example `index` (P appendix D: the order of the pairs and the order inside each are shuffled)."""
        rng = random.Random(f"{self.seed}:{index}")
        votes = self.people[self._turn(index)]
        example = self._drawn(votes, self._length(index // self.batch), rng)
        shuffled = tuple(vote.swapped() if rng.random() < 0.5 else vote for vote in example.history.votes)
        return Example(History(example.history.user_id, shuffled), example.targets)

    def _turn(self, index: int) -> int:
        turn, place = divmod(index, len(self.people))
        return random.Random(f"{self.seed}:turn:{turn}").sample(range(len(self.people)), len(self.people))[
            place
        ]

    def _length(self, batch: int) -> int:
        rng = random.Random(f"{self.seed}:batch:{batch}")
        return rng.randrange(self.history_length) if rng.random() < self.shorter else self.history_length

    def _drawn(self, votes: Sequence[Vote], history_length: int, rng: random.Random) -> Example:
        """Draw with as many targets as this person's votes allow beside the history."""
        for n_targets in range(min(self.n_targets, len(votes) - history_length), 1, -1):
            try:
                return draw_example(votes, history_length, n_targets, rng, self.temporal)
            except ValueError:
                continue
        return draw_example(votes, history_length, 1, rng, self.temporal)
