"""A fitted taste posterior as teacher of the in-context network: of each image, after each vote, of each pair.

Enters: a taste posterior, a dataset's images as it sees them, packed batches with hidden states. Leaves: the losses of
`distillation.py`. Does not know: the trainer. The posterior knows exactly what a network finds slowly: that a history
is evidence about a taste (method.md section 11). The read-outs are thrown away after training.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tasteprint.config import TeacherConfig
from tasteprint.incontext.backbone import Idefics2Backbone
from tasteprint.incontext.network import AnswerLogits
from tasteprint.incontext.packing import Batch
from tasteprint.posterior.likelihoods import Answers
from tasteprint.posterior.mixture import MixturePrior
from tasteprint.posterior.model import TastePosterior
from tasteprint.posterior.utilities import Embeddings, ImageUtilities
from tasteprint.train.distillation import (
    DistillationLoss,
    DistillationTargets,
    moments,
    posterior_after_each_vote,
    posterior_loss,
    soft_label_loss,
    standardised,
    utility_loss,
)


def check_layers(config: TeacherConfig, depth: int) -> None:
    """ValueError for a layer that a backbone of so many does not have."""
    for name, layer in (("utility_layer", config.utility_layer), ("posterior_layer", config.posterior_layer)):
        if not 0 < layer <= depth:
            raise ValueError(
                f"teacher.{name} is {layer}; expected 1 to {depth}, the backbone's depth: name another."
            )


class Teacher(nn.Module):
    """A frozen prior, and linear read-outs at the layers of the config."""

    def __init__(
        self, prior: MixturePrior, images: ImageUtilities, backbone: Idefics2Backbone, config: TeacherConfig
    ) -> None:
        """Take the images that batches will show. ValueError for a layer that the backbone does not have."""
        super().__init__()
        check_layers(config, backbone.depth)
        self.config, self.prior, self._place = config, prior.requires_grad_(False), images.place
        self._shared, self._features = images.shared.float(), images.features.float()
        self._utilities = standardised(prior, self._shared, self._features)
        self.utility = nn.Linear(backbone.width, self._utilities.shape[1])
        self.share = nn.Linear(backbone.width, len(prior.logits))
        self.taste = nn.Linear(backbone.width, prior.means.shape[1])

    @classmethod
    def of(
        cls,
        posterior: TastePosterior,
        names: Sequence[str],
        embeddings: Embeddings,
        backbone: Idefics2Backbone,
        config: TeacherConfig,
    ) -> Teacher:
        """Let a posterior teach about these images. ValueError where it learned from others."""
        posterior.expect_known(names)
        return cls(posterior.prior, posterior.images(names, embeddings), backbone, config)

    @property
    def layers(self) -> tuple[int, int]:
        """The layers that are read, from 1."""
        return self.config.utility_layer, self.config.posterior_layer

    def images(self, names: Sequence[str]) -> dict[str, Tensor]:
        """Give what a batch needs of its images beside pixels or features: their m, h and utilities."""
        rows = [self._place[name] for name in names]
        return {
            "taste_shared": self._shared[rows],
            "taste_features": self._features[rows],
            "taste_utilities": self._utilities[rows],
        }

    @torch.no_grad()
    def targets(self, batch: Batch) -> DistillationTargets:
        """Give what the taste posterior knows of these images and votes."""
        shared, features = batch["taste_shared"], batch["taste_features"]
        context, targets = batch["context_image"], batch["target_image"]
        sign = torch.where(batch["context_liked"][0::2], 1.0, -1.0)
        votes = Answers.choices(
            sign[:, None] * (features[context[0::2]] - features[context[1::2]]).double(),
            sign * (shared[context[0::2]] - shared[context[1::2]]).double(),
        )
        pairs = Answers.choices(
            (features[targets[0::2]] - features[targets[1::2]]).double(),
            (shared[targets[0::2]] - shared[targets[1::2]]).double(),
        )
        shares, tastes, probabilities = posterior_after_each_vote(
            self.prior, votes, batch["context"][0::2, 0], pairs, batch["targets"][0::2, 0]
        )
        mean, deviation = moments(self.prior)
        utilities = batch["taste_utilities"][torch.cat([context, targets])]
        return DistillationTargets(
            utilities, shares.float(), ((tastes - mean) / deviation).float(), probabilities.float()
        )

    def loss(self, batch: Batch, out: AnswerLogits, margins: Float[Tensor, "pairs 2"]) -> DistillationLoss:
        """Compare the early layer with utilities, the later one with the posterior, the margins with pairs."""
        known = self.targets(batch)
        early, late = (layer.float() for layer in out.layers)
        places = torch.cat([batch["context"], batch["targets"]])
        utility = utility_loss(self.utility(early[places[:, 0], places[:, 1]]).float(), known.utilities)
        # A vote is known when its second answer has been read: one place after the one that predicts it.
        after = batch["context"][1::2]
        vote = late[after[:, 0], after[:, 1] + 1]
        posterior = posterior_loss(
            self.share(vote).float(), self.taste(vote).float(), known.shares, known.tastes
        )
        return DistillationLoss(utility, posterior, soft_label_loss(margins, known.probabilities))
