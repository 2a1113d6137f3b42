"""Pictures to embeddings by a frozen encoder: one that comes with the package, or one of other people by name.

Enters: an encoder's name; pictures, or tensors in [0, 1]. Leaves: a raw embedding a picture, with gradients to the
pixels where tensors came in. Does not know: votes, people, where embeddings are kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn

from tasteprint.provenance import fingerprint
from tasteprint.vision.efficientnet import PICTURE_SIDE
from tasteprint.vision.photo import PHOTO, PHOTO_WIDTH, bundled_photo_eye, photo_column_weights
from tasteprint.vision.pixels import (
    as_floats,
    as_rgb,
    image_processor_numbers,
    prepared,
    squeezed,
    squeezed_twin,
    twin,
)
from tasteprint.vision.statistics import SIDE, WIDTH, Statistics, squashed

if TYPE_CHECKING:
    from tasteprint.vision.idefics2 import VisionPart

BATCH = 64
"""Pictures that go through an encoder together."""

STATISTICS = "statistics"
"""Name of the encoder that has no weights: colour and gradient statistics."""


@dataclass(frozen=True, eq=False)
class ImageEncoder:
    """A frozen image encoder; make one by `from_pretrained` or `of`.

    Embeddings are raw, neither centred nor brought to length 1, and `width` numbers long; `name` opens it again.
    `prepare` and `twin` give the encoder's pixels of a picture and of tensors, `features` embeds those pixels.
    `column_weights` say what each number of an embedding counts once it is standardised; None: all alike.
    """

    name: str
    width: int
    parts: Sequence[nn.Module]
    prepare: Callable[[Image.Image], Tensor]
    twin: Callable[[Tensor], Tensor]
    features: Callable[[Tensor], Tensor]
    preparation: str
    column_weights: Float[Tensor, " e"] | None = None

    @classmethod
    def from_pretrained(cls, name: str | Path, device: str | torch.device | None = None) -> ImageEncoder:
        """Open a folder or a Hub name: one of `families.FAMILIES`, or a model that tasteprint saved, of which only
        the vision part is read; or one of those that come with the package: "photo", for photographs; "eye", for
        the simulated world's pictures; "statistics", without weights.

        Safetensors only, never code from elsewhere. Pictures are prepared by transformers' PIL processors whether or
        not torchvision is there, so that pixels are the same everywhere; DINOv3's, which transformers has on
        torchvision only, by the same steps in torch. ValueError for what cannot be opened or is of another family.
        """
        if str(name) == PHOTO:
            return cls._of_photo(device)
        if str(name) == STATISTICS:
            return cls._of_statistics(device)
        return cls._of_network(name, device)

    @classmethod
    def _of_network(cls, name: str | Path, device: str | torch.device | None) -> ImageEncoder:
        # Here and below: transformers takes seconds to import, and those above need none of it.
        from tasteprint.hub import BUNDLED
        from tasteprint.vision.eye import EYE, bundled_eye
        from tasteprint.vision.families import FAMILIES, family_of
        from tasteprint.vision.idefics2 import VisionPart

        if str(name) == EYE:
            return cls.of_vision_part(bundled_eye(), EYE, device)
        if str(name) in BUNDLED:
            return cls.of_vision_part(VisionPart.from_pretrained(name), str(name), device)
        kind, config = family_of(name)
        if kind in FAMILIES:
            return cls._of_tower(str(name), kind, config, device)
        if _is_ours(name):
            return cls.of_vision_part(VisionPart.from_pretrained(name), str(name), device)
        if kind:
            raise ValueError(
                f"image encoder {str(name)!r} is of the family {kind!r}; expected a tasteprint model, or one of "
                f"{', '.join(FAMILIES)}: name another."
            )
        raise ValueError(
            f"image encoder {str(name)!r} could not be opened; expected a folder, or a Hub name that can be reached, "
            "such as 'facebook/dinov2-base': check its spelling, and log in where a licence must be accepted."
        )

    @classmethod
    def _of_statistics(cls, device: str | torch.device | None) -> ImageEncoder:
        read = Statistics()
        return cls(
            name=STATISTICS,
            width=WIDTH,
            parts=[read.to(device) if device else read],
            prepare=lambda image: squashed(as_floats(image)),
            twin=squashed,
            features=read,
            preparation=f"{STATISTICS} 1, square {SIDE}",
        )

    @classmethod
    def _of_photo(cls, device: str | torch.device | None) -> ImageEncoder:
        eye = bundled_photo_eye()
        return cls(
            name=PHOTO,
            width=PHOTO_WIDTH,
            parts=[eye.to(device) if device else eye],
            prepare=partial(squeezed, side=PICTURE_SIDE),
            twin=partial(squeezed_twin, side=PICTURE_SIDE),
            features=eye,
            preparation=f"{PHOTO} 1, bicubic square {PICTURE_SIDE}",
            column_weights=photo_column_weights(),
        )

    @classmethod
    def _of_tower(
        cls, name: str, kind: str, config: object, device: str | torch.device | None
    ) -> ImageEncoder:
        from tasteprint.vision.families import FAMILIES, embedding_of, embedding_width, open_tower

        family = FAMILIES[kind]
        tower, processor = open_tower(name, family, config)
        in_torch = partial(twin, processor=processor)
        return cls(
            name=name,
            width=embedding_width(tower, family, in_torch(torch.zeros(1, 3, 64, 64))),
            parts=[tower.to(device) if device else tower],
            prepare=(lambda image: in_torch(as_floats(image)))
            if family.floats
            else partial(prepared, processor=processor),
            twin=in_torch,
            features=lambda pixels: embedding_of(tower, family, pixels),
            preparation=image_processor_numbers(processor),
        )

    @classmethod
    def of_vision_part(
        cls, part: VisionPart, name: str, device: str | torch.device | None = None
    ) -> ImageEncoder:
        """See as an in-context model does: its k visual tokens after the connector, one after the other (k * d).

        Without a `device` the weights stay in their place and precision. ValueError while they train.
        """
        if any(p.requires_grad for p in part.modules.parameters()):
            raise ValueError(
                "the vision part is training; expected a frozen one, since features of changing weights age: call "
                "requires_grad_(False) on it."
            )
        if device:
            part.modules.to(device)
        return cls(
            name=name,
            width=part.length * part.width,
            parts=[part.vision_model, part.connector],
            prepare=lambda image: part.pixels([image]),
            twin=part.twin,
            features=lambda pixels: part.tokens(pixels).flatten(1),
            preparation=part.preparation,
        )

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self._weight.device

    @property
    def side(self) -> int:
        """Pixels that both sides of a picture should have: more are not looked at."""
        return self.twin(torch.zeros(1, 3, 8, 8)).shape[-1]

    @cached_property
    def fingerprint(self) -> str:
        """Name of the weights and the preparation, 64 hex digits; read when first asked for."""
        return hashlib.sha256(f"{fingerprint(*self.parts)} {self.preparation}".encode()).hexdigest()

    @torch.no_grad()
    def embed_pictures(self, pictures: Iterable[Image.Image]) -> Float[Tensor, "n e"]:
        """Embed pictures of any size and mode, in float32, on the CPU; 64 at once, opened as they are needed."""
        ready = (self.prepare(as_rgb(picture)) for picture in pictures)
        rows = [torch.zeros(0, self.width)]
        while batch := list(islice(ready, BATCH)):
            rows.append(self._embedded(torch.cat(batch)).float().cpu())
        return torch.cat(rows)

    def embed(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b e"]:
        """Embed images in [0, 1] of any size, on the encoder's device, with gradients to their pixels.

        The pixels that the encoder sees differ by about 1/255 at most from those of `embed_pictures` (`pixels.twin`).
        """
        if not len(images):
            return images.new_zeros(0, self.width)
        return self._embedded(self.twin(images.to(self.device))).to(images.dtype)

    @property
    def _weight(self) -> Tensor:
        return next(chain(self.parts[0].parameters(), self.parts[0].buffers()))

    def _embedded(self, pixels: Tensor) -> Tensor:
        return self.features(pixels.to(self._weight.device, self._weight.dtype))


def _is_ours(name: str | Path) -> bool:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    from tasteprint.hub import ABOUT

    if Path(name).is_dir():
        return (Path(name) / ABOUT).is_file()
    try:
        return bool(hf_hub_download(str(name), ABOUT))
    except (HfHubHTTPError, HFValidationError, OSError):
        return False
