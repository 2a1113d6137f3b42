"""Pictures to an encoder's pixels, twice: by its own image processor, and by torch with gradients.

Enters: PIL images, or tensors in [0, 1]. Leaves: what a vision part takes, `(n, 3, height, width)`, normalised.
Does not know: models.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate, pad

from tasteprint.data.decode import open_image

LONGEST = 256
"""A picture may be so many times as long as wide: where the shortest edge decides, the long one grows with it."""

BEYOND = 1e-3
"""So far images may lie beyond 0 and 1: by rounding in half precision, or by interpolation."""

ROUNDING = 1e-5
"""Interpolated white may be 1 + 1e-7; cutting it off at 1 would switch its gradient off."""

ROWS_FIRST = int(PIL.__version__.partition(".")[0]) >= 13
"""Whether PIL resizes the rows before the columns where the height shrinks much more (Pillow pull request 9549)."""

_MODES = {Image.Resampling.BILINEAR: "bilinear", Image.Resampling.BICUBIC: "bicubic"}
_STEPS = ("preprocess", "_preprocess", "resize", "center_crop", "rescale", "normalize")
_NUMBERS = ("size", "crop_size", "resample", "do_center_crop", "rescale_factor", "image_mean", "image_std")


def checked_images(images: Any) -> Float[Tensor, "n 3 h w"]:
    """Give images as they are computed on, in float32 at least, with their gradients.

    ValueError for what is no batch (n, 3, h, w) of floats in [0, 1]: bytes, 0 to 255, -1 to 1, channels last, one image
    without a batch, NaN. A range costs one pass over the pixels.
    """
    if not isinstance(images, Tensor):
        raise ValueError(
            f"images are a {type(images).__name__}; expected a tensor (n, 3, height, width): stack them."
        )
    shape = tuple(images.shape)
    if len(shape) != 4 or shape[1] != 3 or 0 in shape[1:]:
        raise ValueError(f"images have the shape {shape}; expected (n, 3, height, width){_hint(shape)}")
    if not images.is_floating_point():
        raise ValueError(f"images are of {images.dtype}; expected floats from 0 to 1: divide bytes by 255.")
    if images.numel():
        least, greatest = torch.aminmax(images.detach())
        if not (least >= -BEYOND and greatest <= 1 + BEYOND):  # false of NaN too
            raise ValueError(
                f"images lie between {float(least):g} and {float(greatest):g}; expected 0 to 1: bring them there, as "
                "in x / 255 or (x + 1) / 2."
            )
    return images.to(torch.promote_types(images.dtype, torch.float32))


def checked_pictures(pictures: Any) -> Iterable[Image.Image]:
    """Give pictures back. ValueError for one picture or path alone, or for tensors and arrays of them."""
    if isinstance(pictures, Image.Image | str | bytes | Path | Tensor | np.ndarray) or not hasattr(
        pictures, "__iter__"
    ):
        raise ValueError(
            f"pictures are a {type(pictures).__name__}; expected a list of PIL pictures: put it in brackets, or give "
            "tensors to `score`."
        )
    return pictures


def require_pairs(a: Any, b: Any) -> None:
    """ValueError unless both are tensors or lists of pictures, and as many."""
    for side in (a, b):
        if not isinstance(side, Tensor):
            checked_pictures(side)
    if len(a) != len(b):
        raise ValueError(f"{len(a)} pictures were set against {len(b)}; expected as many: give pairs.")


def _hint(shape: tuple[int, ...]) -> str:
    if len(shape) == 3 and shape[0] == 3:
        return ": give one image a batch of its own, as in x[None]."
    if shape[-1:] == (3,):
        return ": put the channels first, as in x.permute(0, 3, 1, 2)."
    if len(shape) == 4 and shape[1] == 1:
        return ": repeat the grey channel, as in x.expand(-1, 3, -1, -1)."
    return ": leave transparency out, as in x[:, :3]." if len(shape) == 4 and shape[1] == 4 else "."


def square_pixels(
    images: Sequence[Image.Image], processor: Any, image_size: int
) -> Float[Tensor, "n 3 side side"]:
    """Squash each image to a square (P section 3.1: 512), then let Idefics2's image processor do the rest."""
    squares = [as_rgb(image).resize((image_size, image_size), Image.Resampling.BICUBIC) for image in images]
    return processor([squares], return_tensors="pt")["pixel_values"][0]


def square_twin(
    images: Float[Tensor, "n 3 h w"], processor: Any, image_size: int
) -> Float[Tensor, "n 3 side side"]:
    """Do the same to tensors in [0, 1] with gradients (P appendix D)."""
    images = resized(images, (image_size, image_size), Image.Resampling.BICUBIC)
    side = max(min(image_size, processor.size["longest_edge"]), processor.size["shortest_edge"])
    scaled = resized(images, (side, side), processor.resample)
    return normalised(scaled, processor.image_mean, processor.image_std, processor.rescale_factor)


def framed_pixels(images: Sequence[Image.Image], processor: Any) -> Float[Tensor, "n 4 side side"]:
    """Let Idefics2's image processor keep each image's proportions, and put it into the corner of a square frame.

    The frame is as long as the processor's longest edge, and 0 where there is no image; the fourth channel is 1 where
    there is one, else 0.
    """
    sides = [framed_size(image.height, image.width, processor.size) for image in images]
    pixels = [processor([[as_rgb(image)]], return_tensors="pt")["pixel_values"][0] for image in images]
    return torch.cat([_framed(one, size, processor) for one, size in zip(pixels, sides, strict=True)])


def framed_twin(images: Float[Tensor, "n 3 h w"], processor: Any) -> Float[Tensor, "n 4 side side"]:
    """Do the same to tensors in [0, 1] with gradients."""
    size = framed_size(images.shape[-2], images.shape[-1], processor.size)
    scaled = resized(images, size, processor.resample)
    pixels = normalised(scaled, processor.image_mean, processor.image_std, processor.rescale_factor)
    return _framed(pixels, size, processor)


def framed_size(height: int, width: int, size: Any) -> tuple[int, int]:
    """Give what Idefics2's processor makes of (height, width): the longest edge at most, the shortest at least."""
    require_proportions(width, height)
    longest, shortest = size["longest_edge"], size["shortest_edge"]
    across = width / height
    if width >= height and width > longest:
        height, width = int(longest / across), longest
    elif height > width and height > longest:
        height, width = longest, int(longest * across)
    return max(height, shortest), max(width, shortest)


def _framed(pixels: Tensor, size: tuple[int, int], processor: Any) -> Tensor:
    side = max(processor.size["longest_edge"], processor.size["shortest_edge"])
    here = torch.ones_like(pixels[:, :1])
    return pad(torch.cat([pixels, here], dim=1), (0, side - size[1], 0, side - size[0]))


def prepared(image: Image.Image, processor: Any) -> Float[Tensor, "1 3 height width"]:
    """Prepare an RGB picture of any size with an encoder's own processor, of transformers' PIL backend."""
    _target(image.height, image.width, processor.size)
    return processor(image, return_tensors="pt")["pixel_values"]


def squeezed(image: Image.Image, side: int) -> Float[Tensor, "1 3 side side"]:
    """Squeeze a whole RGB picture into a square, bicubic and antialiased; in [0, 1]."""
    return as_floats(image.resize((side, side), Image.Resampling.BICUBIC))


def squeezed_twin(images: Float[Tensor, "n 3 h w"], side: int) -> Float[Tensor, "n 3 side side"]:
    """Do the same to tensors in [0, 1] with gradients; they differ as `twin` and `prepared` do."""
    return resized(images, (side, side), Image.Resampling.BICUBIC)


def as_rgb(picture: Image.Image) -> Image.Image:
    """Give a picture as its file would be decoded: upright, sRGB, 8 bits, whoever opened it.

    ValueError for what is no PIL picture.
    """
    if not isinstance(picture, Image.Image):
        raise ValueError(
            f"a picture is of {type(picture).__name__}; expected a PIL picture: open it by "
            "`tasteprint.data.decode.open_image`, or Image.fromarray."
        )
    return picture if picture.mode == "RGB" and not picture.info else open_image(picture)


def as_floats(image: Image.Image) -> Float[Tensor, "1 3 h w"]:
    """Give an RGB picture as numbers in [0, 1]."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None] / 255


def twin(images: Float[Tensor, "n 3 h w"], processor: Any) -> Float[Tensor, "n 3 height width"]:
    """Do what `prepared` does to tensors in [0, 1] of any size, with gradients.

    Resize (to an exact size, or the shortest edge to one) with torch's antialiased bilinear or bicubic kernel, which
    is PIL's; cut the middle out, with black around what is too small; rescale and normalise. PIL rounds to bytes after
    the columns and after the rows, the twin does not: before normalising they differ by 1/255 at most (bilinear) or
    1.125/255 (bicubic, whose weights sum to 1.25 without their signs), by 0.3/255 on average. ValueError for images
    more than 256 times as long as wide.
    """
    images = resized(images, _target(images.shape[-2], images.shape[-1], processor.size), processor.resample)
    if processor.do_center_crop:
        images = _middle(images, processor.crop_size.height, processor.crop_size.width)
    return normalised(images, processor.image_mean, processor.image_std, processor.rescale_factor)


def has_twin(processor: Any) -> bool:
    """Whether `twin` can do what a processor does: its steps, its kernel, its kind of size."""
    from transformers.image_processing_backends import PilBackend  # only here: it takes seconds to import

    size = processor.size
    return (
        all(getattr(type(processor), step) is getattr(PilBackend, step) for step in _STEPS)
        and bool(processor.do_resize and processor.do_rescale and processor.do_normalize)
        and not processor.do_pad
        and processor.resample in _MODES
        and bool(size.height or (size.shortest_edge and not size.longest_edge))
    )


def image_processor_numbers(processor: Any) -> str:
    """Write down every number that a processor's pixels depend on."""
    return repr([(name, _plain(getattr(processor, name, None))) for name in _NUMBERS])


def _plain(value: Any) -> Any:
    if hasattr(value, "items"):
        return {key: number for key, number in value.items() if number is not None}
    return int(value) if isinstance(value, Image.Resampling) else value


def require_proportions(width: int, height: int) -> None:
    """ValueError for a picture without pixels, or of which one side is more than 256 times the other."""
    if not 0 < max(height, width) <= LONGEST * min(height, width):
        raise ValueError(
            f"an image is {width} x {height} pixels; expected at least 1 a side, and one side at most {LONGEST} times "
            "the other: crop it or leave it out."
        )


def _target(height: int, width: int, size: Any) -> tuple[int, int]:
    require_proportions(width, height)
    if size.height:
        return size.height, size.width
    longest = int(size.shortest_edge * max(height, width) / min(height, width))
    return (size.shortest_edge, longest) if height <= width else (longest, size.shortest_edge)


def resized(
    images: Float[Tensor, "n 3 h w"], size: tuple[int, int], resample: int
) -> Float[Tensor, "n 3 height width"]:
    """Resize to (height, width) as PIL does with a bilinear or bicubic kernel, with gradients and unrounded."""
    mode = _MODES[Image.Resampling(resample)]
    if (
        1 in images.shape[-2:]
    ):  # torch 2.13 resizes a line of pixels wrongly on a CPU; two equal lines give the same
        images = images.repeat(1, 1, *(2 if side == 1 else 1 for side in images.shape[-2:]))
    (height, width), (rows, columns) = images.shape[-2:], size
    rows_first = ROWS_FIRST and height > rows and height - rows > 2 * (width - columns)
    for step in ((rows, width) if rows_first else (height, columns), size):
        if images.shape[-2:] != step:
            images = interpolate(images, step, mode=mode, antialias=True, align_corners=False)
            images = images.clamp(-ROUNDING, 1 + ROUNDING)  # after each, at black and white, as PIL
    return images


def _middle(images: Tensor, height: int, width: int) -> Tensor:
    top, left = -((images.shape[-2] - height) // 2), -((images.shape[-1] - width) // 2)
    down, right = height - images.shape[-2] - top, width - images.shape[-1] - left
    return pad(images, (left, right, top, down))  # negative numbers cut


def normalised(
    images: Float[Tensor, "n 3 h w"], mean: Sequence[float], std: Sequence[float], factor: float = 1 / 255
) -> Float[Tensor, "n 3 h w"]:
    """Subtract a channel's mean and divide by its deviation; `factor` is what bytes are multiplied by before."""
    low, spread = (
        torch.tensor(values, dtype=images.dtype, device=images.device)[:, None, None]
        for values in (mean, std)
    )
    return (images * (255 * factor) - low) / spread
