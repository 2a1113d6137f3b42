"""How the prior is learned from many people: by how well a few of each one's opinions predict others.

Enters: embeddings of images, people's opinions on them. Leaves: a `LearnedPrior`: utility map, prior and cuts.
Does not know: image names, encoders, files. Everything is learned end to end through `infer` (method.md section 10).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tasteprint.config import PosteriorConfig
from tasteprint.posterior.basis import Components
from tasteprint.posterior.familiarity import Familiarity, warn_of_strangers
from tasteprint.posterior.likelihoods import ALONE, Cutpoints, Opinions
from tasteprint.posterior.mixture import MixturePrior
from tasteprint.posterior.threads import one_thread
from tasteprint.posterior.utilities import FittedPrior, UtilityMap

MAX_GRAD_NORM = 1.0
CHECKS = 10
"""How often, during training, the people held out are predicted."""

WIDE = 1024
"""Numbers of an embedding from which on the network reads components: it would learn the rest by heart."""

INPUTS = 184
"""So many components it reads then (method.md section 12)."""

LEARNING_STEPS = 6
"""Newton steps in training, where the prior changes from step to step anyway."""

Progress = Callable[[int, float], None]
"""Called with a step, counted from 1, and its loss in nats."""


class LearnedPrior(FittedPrior):
    """A prior learned by gradient descent: a small network for images, a mixture of tastes, the cuts of ratings."""

    kind = "learned"
    map: UtilityMap
    familiarity: Familiarity | None

    def __init__(
        self,
        embeddings: Float[Tensor, "images e"],
        config: PosteriorConfig,
        column_weights: Float[Tensor, " e"] | None = None,
    ) -> None:
        """Begin at random, from torch's current seed; constant columns of embeddings are left as they are.

        Of embeddings that are wider than `WIDE` the network reads the leading components.
        """
        super().__init__()
        self.familiarity = None
        hidden = [config.hidden] * config.layers
        self.map = UtilityMap(*_standard(embeddings), hidden, config.features)
        if embeddings.shape[1] > WIDE:
            found = Components.of(embeddings, INPUTS, column_weights)
            mean, axes, scale = (part.float() for part in (found.mean, found.axes, found.rows.std(dim=0)))
            self.map = UtilityMap(mean, scale, hidden, config.features, axes)
        self.prior = MixturePrior(config.components, config.features)
        self.cutpoints = Cutpoints()

    @classmethod
    def from_state(cls, state: dict[str, Tensor], config: PosteriorConfig, width: int) -> LearnedPrior:
        """Make it again from its state dict, frozen. RuntimeError where that does not fit config or embeddings."""
        made = cls(torch.zeros(2, 1), config)
        axes = state.get("map.axes")
        inputs = width if axes is None else axes.shape[1]
        hidden = [config.hidden] * config.layers
        made.map = UtilityMap(
            torch.zeros(width),
            torch.ones(inputs),
            hidden,
            config.features,
            None if axes is None else torch.zeros(width, inputs),
        )
        kept = {name: part for name, part in state.items() if name.startswith("familiarity.")}
        if kept:
            made.familiarity = Familiarity(
                *(kept[f"familiarity.{name}"] for name in Familiarity.__annotations__)
            )
        made.load_state_dict(state)
        return made.eval().requires_grad_(False)

    def utilities(
        self, embeddings: Float[Tensor, "*n e"], names: Sequence[str] = ()
    ) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n d"]]:
        """Give m and h, drawn toward those of an average image the less images are like those learned from.

        Warns where the images together are unlike those.
        """
        shared, features = self.map(embeddings)
        if self.familiarity is None:
            return shared, features
        belief = self.familiarity(self.map.inputs(embeddings))
        warn_of_strangers(belief)
        return belief * shared, belief[..., None] * features

    @torch.no_grad()
    def centre(self, embeddings: Float[Tensor, "images e"]) -> None:
        """Put zero where each person's utility of an average image is: choices do not say where it lies.

        `σ(u)` is then about how likely an image is preferred to an average one.
        """
        shared, features = self.map(embeddings)
        last = self.map.layers[-1]
        assert isinstance(last, nn.Linear)
        last.bias.sub_(torch.cat([shared.mean()[None], features.mean(dim=0)]))

    def log_loss(
        self, embeddings: Float[Tensor, "images e"], context: Sequence[Opinions], targets: Sequence[Opinions]
    ) -> Float[Tensor, ""]:
        """Nats a target, given each person's context; ln 2 is guessing. Only the images that show are embedded."""
        rows, context, targets = _on_rows_that_show(context, targets)
        shared, features = self.map(embeddings[rows])
        nats, count = self.nats(context, targets, shared, features, LEARNING_STEPS)
        return nats / count


def learn_prior(
    embeddings: Float[Tensor, "images e"],
    people: Sequence[Opinions],
    config: PosteriorConfig,
    held_out: Sequence[Opinions] = (),
    seed: int = 0,
    progress: Progress = lambda step, loss: None,
    column_weights: Float[Tensor, " e"] | None = None,
) -> LearnedPrior:
    """Learn from people with at least two opinions each; with `held_out`, the state that predicts theirs best is kept.

    Each step takes `config.batch_size` people at random, of each a random number (0 to `config.max_context`) of
    opinions as context and up to `config.max_targets` others as targets. AdamW, one cycle. The same for the same
    seed; leaves torch's random state alone. ValueError for fewer than two such people.
    """
    people = with_opinions(people)
    with torch.random.fork_rng(devices=[]), one_thread():
        torch.manual_seed(seed)
        begun = LearnedPrior(embeddings, config, column_weights)
        fitted = _trained(begun, embeddings, people, config, held_out, progress)
    with torch.no_grad():
        fitted.familiarity = Familiarity.of(fitted.map.inputs(embeddings))
    if not any((one.images == ALONE).any() for one in people):
        fitted.centre(embeddings)
    return fitted.eval().requires_grad_(False)


def _standard(
    embeddings: Float[Tensor, "images e"],
) -> tuple[Float[Tensor, " e"], Float[Tensor, " e"]]:
    deviation = embeddings.std(dim=0)
    return embeddings.mean(dim=0), torch.where(deviation > 0, deviation, 1.0)


def with_opinions(people: Sequence[Opinions], least: int = 2) -> list[Opinions]:
    """People with two opinions or more. ValueError for fewer than `least` of them."""
    found = [one for one in people if len(one.weights) > 1]
    if len(found) < least:
        raise ValueError(
            f"{len(found)} people have two opinions or more; expected at least {least}, and a hundred to learn "
            "from: bring more raters, or know each person by their own answers alone (prior=alone)."
        )
    return found


def _trained(
    fitted: LearnedPrior,
    embeddings: Float[Tensor, "images e"],
    people: Sequence[Opinions],
    config: PosteriorConfig,
    held_out: Sequence[Opinions],
    progress: Progress,
) -> LearnedPrior:
    """The state after the last step, or that of the check at which held-out people are predicted best."""
    optimiser = torch.optim.AdamW(fitted.parameters(), lr=config.lr, weight_decay=config.weight_decay)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.lr, total_steps=config.steps)
    check = _episode([one for one in held_out if len(one.weights) > 1], config)
    best, least = fitted, float("inf")
    for step in range(1, config.steps + 1):
        chosen = torch.randperm(len(people))[: config.batch_size].tolist()
        loss = fitted.log_loss(embeddings, *_episode([people[i] for i in chosen], config))
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(fitted.parameters(), MAX_GRAD_NORM)
        optimiser.step()
        cycle.step()
        progress(step, float(loss.detach()))
        if check[0] and step % max(1, config.steps // CHECKS) == 0:
            with torch.no_grad():
                now = float(fitted.log_loss(embeddings, *check))
            if now < least:
                best, least = deepcopy(fitted), now
    return best


def _episode(people: Sequence[Opinions], config: PosteriorConfig) -> tuple[list[Opinions], list[Opinions]]:
    """Part each person's opinions at random into context and targets, at least one of them a target."""
    context, targets = [], []
    for one in people:
        order = torch.randperm(len(one.weights))
        most = min(config.max_context, len(order) - 1)
        cut = int(torch.randint(most + 1, ()))
        context.append(one.chosen(order[:cut]))
        targets.append(one.chosen(order[most : most + config.max_targets]))
    return context, targets


def _on_rows_that_show(
    context: Sequence[Opinions], targets: Sequence[Opinions]
) -> tuple[Tensor, list[Opinions], list[Opinions]]:
    """The rows of the image table that opinions name, and the opinions on a table of these alone."""
    everything = (*context, *targets)
    rows, places = torch.unique(torch.cat([one.images.flatten() for one in everything]), return_inverse=True)
    alone = int(rows[0] == ALONE)
    parts = (places - alone).split([one.images.numel() for one in everything])
    moved = [one._replace(images=part.reshape(-1, 2)) for one, part in zip(everything, parts, strict=True)]
    return rows[alone:], moved[: len(context)], moved[len(context) :]
