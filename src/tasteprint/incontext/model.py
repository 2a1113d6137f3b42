"""The in-context model as one thing that is opened, kept, and makes prints of people.

Enters: a network, or a name. Leaves: prints, a predictor, a folder. Does not know: training, evaluation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import torch

from tasteprint.config import ModelConfig
from tasteprint.data.decode import open_image as open_file
from tasteprint.devices import usable_device
from tasteprint.hub import push_folder
from tasteprint.incontext.frozen import FrozenNetwork
from tasteprint.incontext.images import StoredTokens
from tasteprint.incontext.network import PreferenceNetwork
from tasteprint.incontext.prints import InContextPrint, read_votes
from tasteprint.reopening import lasting_name
from tasteprint.types import History
from tasteprint.vision.encoder import ImageEncoder
from tasteprint.vision.feature_store import FeatureStore

if TYPE_CHECKING:
    from tasteprint.types import OpenImage, Predictor


class InContextModel(FrozenNetwork):
    """Knows a person from their votes as a conversation (P section 2). A `TasteModel`; its weights are frozen."""

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path,
        template: str | None = None,
        n_tokens: int | None = None,
        device: str | torch.device | None = None,
    ) -> InContextModel:
        """Load "mini", which comes with the package, a folder or a Hub repository.

        Quantised weights stay where they are loaded. ValueError where the template or token count is not the one
        expected.
        """
        place = usable_device(device) if device else None
        network = PreferenceNetwork.from_pretrained(name, template, n_tokens)
        return cls(
            network.to(place) if place and not network.settings.quantize else network, lasting_name(name)
        )

    @classmethod
    def from_config(
        cls, config: ModelConfig, captions: Iterable[str] = (), n_tokens: int = 0
    ) -> InContextModel:
        """Freeze a network that has learned nothing beyond its backbone."""
        return cls(PreferenceNetwork.from_config(config, captions, n_tokens))

    def save_pretrained(self, folder: str | Path, half: bool = False) -> None:
        """Write a folder that `from_pretrained` opens; see `PreferenceNetwork.save_pretrained`."""
        self.network.save_pretrained(folder, half)

    def push_to_hub(self, repository: str, private: bool = False) -> str:
        """Save and upload to the Hub; returns the commit's address."""
        with TemporaryDirectory() as folder:
            self.save_pretrained(folder)
            return push_folder(Path(folder), repository, private)

    @cached_property
    def image_encoder(self) -> ImageEncoder:
        """The model's own eye: its visual tokens after the connector, as one row an image."""
        return ImageEncoder.of_vision_part(self.network.vision_part, self.network.settings.backbone)

    def print_of(self, history: History, open_image: OpenImage = open_file) -> InContextPrint:
        """Read a person's votes once; `open_image` opens the names in them (default: they are paths).

        ValueError for a history with ratings.
        """
        return read_votes(self, history, open_image)

    def prints_of(
        self, histories: Sequence[History], open_image: OpenImage = open_file
    ) -> list[InContextPrint]:
        """Read many people, one after the other."""
        return [self.print_of(history, open_image) for history in histories]

    def predictor(self, open_image: OpenImage, folder: Path, at_hand: Sequence[str] = ()) -> Predictor:
        """Read people whose images are known by name, several in one pass; visual tokens are kept in `folder`.

        What is `at_hand` is not read: the model learns nothing from pictures without votes.
        """
        store = FeatureStore(folder, self.image_encoder, open_image)
        return partial(self.network.margins, images=StoredTokens(store, self.network.backbone.width))

    def untrained(self, captions: Iterable[str]) -> PreferenceNetwork:
        """Give a network of the same shape that has learned nothing; the captions fit its tokenizer."""
        return PreferenceNetwork.from_config(self.network.settings, captions, len(self.network.tokens))
