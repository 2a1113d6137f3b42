"""A few tastes that all people share: the simplest relative of the taste posterior (method.md 7 and 10).

Enters: image features, and people's votes as pairs of rows of them, or by image name. Leaves: utilities of images
under each taste, and the probability of each taste for a person. Does not know: where features come from, prompts.
Relatives: LoRe (arXiv 2504.14439), PAL (arXiv 2406.08469).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from tasteprint.types import Vote

TASTES = 8
HIDDEN = 64
VOTES_A_STEP = 17  # 16 earlier votes and one later
PEOPLE_A_STEP = 128
STEPS = 500
RATE = 5e-3
WEIGHT_DECAY = 0.1
CHECK_EVERY = 25

VotePairs = Int[Tensor, "_ 2"]
"""One person's votes as rows of the feature table: liked, disliked."""


class SharedTastes(nn.Module):
    """R reward functions `u_r` on image features, and how common each is (`prior`, log π)."""

    mean: Tensor
    scale: Tensor

    def __init__(
        self,
        mean: Float[Tensor, " d"],
        scale: Float[Tensor, " d"],
        tastes: int = TASTES,
        hidden: int = HIDDEN,
    ) -> None:
        """Take the statistics by which features are standardised; one hidden layer of GELU."""
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)
        self.reward = nn.Sequential(nn.Linear(len(mean), hidden), nn.GELU(), nn.Linear(hidden, tastes))
        self.prior = nn.Parameter(torch.zeros(tastes))

    def utilities(self, features: Float[Tensor, "n d"]) -> Float[Tensor, "n r"]:
        """Utility of each image under each taste; differences matter, the zero does not."""
        return self.reward((features - self.mean) / self.scale)

    def log_memberships(self, differences: Float[Tensor, "*p votes r"]) -> Float[Tensor, "*p r"]:
        """Log weights of the tastes after votes, given `u_r(liked) - u_r(disliked)`; they sum to 1 in exp.

        `log w_r = log π_r + Σ log σ(u_r(z+) - u_r(z-))`, normalised. No votes give the prior; the order of
        the votes does not matter.
        """
        return torch.log_softmax(self.prior.log_softmax(0) + logsigmoid(differences).sum(dim=-2), dim=-1)

    def evidence(
        self, differences: Float[Tensor, "*p votes r"], weights: Float[Tensor, "*p votes"]
    ) -> Float[Tensor, "*p"]:
        """Log-probability of all votes together; a vote of weight 0 is left out.

        By the chain rule it is the sum over votes of the log-probability of each given all before it.
        """
        log_likelihood = (logsigmoid(differences) * weights[..., None]).sum(dim=-2)
        return torch.logsumexp(self.prior.log_softmax(0) + log_likelihood, dim=-1)


def mixture_probability(
    log_memberships: Float[Tensor, "*p r"], differences: Float[Tensor, "*p pairs r"]
) -> Float[Tensor, "*p pairs"]:
    """P(a over b | history) = Σ_r w_r σ(u_r(a) - u_r(b)), given `u_r(a) - u_r(b)`."""
    return (log_memberships.exp()[..., None, :] * differences.sigmoid()).sum(dim=-1)


def fit_shared_tastes(
    features: Float[Tensor, "n d"],
    people: Sequence[VotePairs],
    held_out: Sequence[VotePairs] = (),
    tastes: int = TASTES,
    hidden: int = HIDDEN,
    steps: int = STEPS,
    seed: int = 0,
) -> SharedTastes:
    """Learn tastes from many people's votes, end to end, by how well each vote is predicted from earlier ones.

    Each step takes up to 128 people and of each up to 17 votes at random, so that 0 to 16 earlier ones are
    given. AdamW, one cycle. With `held_out` people, the weights that predict their votes best are kept.
    The same for the same seed; leaves the CPU's random state alone. ValueError without a vote.
    """
    people = [votes for votes in people if len(votes)]
    if not people:
        raise ValueError("no votes came in; expected votes of at least one person: check the training split.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = SharedTastes(*_statistics(features, people), tastes, hidden).to(features.device)
        return _trained(model, features, people, held_out, steps)


def _statistics(
    features: Float[Tensor, "n d"], people: Sequence[VotePairs]
) -> tuple[Float[Tensor, " d"], Float[Tensor, " d"]]:
    seen = features[torch.cat(list(people)).unique()]
    scale = seen.std(dim=0, correction=0)
    return seen.mean(dim=0), torch.where(scale > 0, scale, 1.0)


def _trained(
    model: SharedTastes,
    features: Float[Tensor, "n d"],
    people: Sequence[VotePairs],
    held_out: Sequence[VotePairs],
    steps: int,
) -> SharedTastes:
    optimiser = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=WEIGHT_DECAY)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    held = [votes for votes in held_out if len(votes)]
    tried = []
    for step in range(1, steps + 1):
        chosen = torch.randperm(len(people))[:PEOPLE_A_STEP].tolist()
        optimiser.zero_grad()
        tastes_log_loss(model, features, [people[i] for i in chosen], shuffle=True).backward()
        optimiser.step()
        cycle.step()
        if held and (step % CHECK_EVERY == 0 or step == steps):
            tried.append(_judged(model, features, held))
    if tried:
        model.load_state_dict(min(tried, key=itemgetter(0))[1])
    return model.eval()


@torch.no_grad()
def _judged(
    model: SharedTastes, features: Float[Tensor, "n d"], held: Sequence[VotePairs]
) -> tuple[float, dict[str, Tensor]]:
    """The log loss of held-out people, and the weights as they are now."""
    state = {name: value.clone() for name, value in model.state_dict().items()}
    return tastes_log_loss(model, features, held).item(), state


def tastes_log_loss(
    model: SharedTastes,
    features: Float[Tensor, "n d"],
    people: Sequence[VotePairs],
    shuffle: bool = False,
) -> Float[Tensor, ""]:
    """Nats a vote, over each person's first 17 votes (at random 17 with `shuffle`); ln 2 is guessing."""
    picked = [_some(votes, shuffle) for votes in people]
    rows = nn.utils.rnn.pad_sequence(picked, batch_first=True)
    weights = nn.utils.rnn.pad_sequence([torch.ones(len(votes)) for votes in picked], batch_first=True)
    utilities = model.utilities(features[rows.flatten()]).unflatten(0, rows.shape)
    weights = weights.to(utilities)
    return -model.evidence(utilities[:, :, 0] - utilities[:, :, 1], weights).sum() / weights.sum()


def _some(votes: VotePairs, shuffle: bool) -> VotePairs:
    order = torch.randperm(len(votes)) if shuffle else torch.arange(len(votes))
    return votes[order[:VOTES_A_STEP].to(votes.device)]


VotesByUser = Mapping[str, Sequence[Vote]]

Features = Callable[[Sequence[str]], Float[np.ndarray, "n d"]]
"""Image names to one row of features each."""


def fit_tastes(
    rows: Features, train: VotesByUser, held_out: VotesByUser, tastes: int, steps: int, seed: int
) -> SharedTastes:
    """Fit on training people, keep what predicts the held-out ones best; ties are left out."""
    votes = [vote for people in (train, held_out) for many in people.values() for vote in many]
    place = {
        name: row for row, name in enumerate(dict.fromkeys(image for vote in votes for image in vote.images))
    }
    features = torch.from_numpy(rows(list(place)))
    learn, check = ([_rows(many, place) for many in people.values()] for people in (train, held_out))
    return fit_shared_tastes(features, learn, check, tastes=tastes, steps=steps, seed=seed)


def _rows(votes: Sequence[Vote], place: Mapping[str, int]) -> VotePairs:
    rows = [(place[vote.liked], place[vote.disliked]) for vote in votes if not vote.is_tie]
    return torch.tensor(rows, dtype=torch.long).reshape(-1, 2)
