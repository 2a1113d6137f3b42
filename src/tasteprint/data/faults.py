"""What can be wrong with a picture, and the one sentence that says it.

Enters: a picture's name and what went wrong. Leaves: an ImageError. Does not know: how pictures are decoded.
"""

from __future__ import annotations

NO_MEMORY = "not enough memory"
"""The kind of fault that is this machine's, not the picture's."""


SHORT_OF_MEMORY = (
    "out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory", "memory allocation",
    "insufficient memory", "bad_alloc",
)  # fmt: skip
"""In the messages of those that raise something else than MemoryError."""

BYTES_A_PIXEL = 4
"""Of a decoded picture in Pillow."""

MAX_PIXELS = 150_000_000
"""Read from the header before any pixel is decoded; such an RGB picture takes 600 MB while it is decoded."""


class ImageError(ValueError):
    """An image that cannot be used; `kind` names the fault in a few words, for counting."""

    def __init__(self, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.kind = kind

    def __reduce__(self) -> tuple[type[ImageError], tuple[str, str]]:
        """Let worker processes hand it back."""
        return type(self), (self.kind, str(self))


def decoding_fault(name: str, error: Exception, pixels: int = 0) -> ImageError:
    """Tell a decoder's error: too little memory, or a damaged picture.

    Some decoders, libjpeg's among them, tell of both in the same words: where there is no room now for the pixels of a
    picture of that many, it is memory.
    """
    if tells_of_memory(error) or not _is_room_for(BYTES_A_PIXEL * pixels):
        megabytes = max(1, pixels * BYTES_A_PIXEL // 1_000_000)
        remedy = f"expected at least {megabytes:,} MB free: end other programs."
        return ImageError(NO_MEMORY, f"there is not enough memory to decode {name}; {remedy}")
    return ImageError(
        "image truncated",
        f"{name} is truncated or damaged ({type(error).__name__}); expected a whole image: fetch it again.",
    )


def tells_of_memory(error: BaseException) -> bool:
    """Whether an error of Python, a decoder, torch or CUDA says that memory was too short."""
    words = str(error).lower()
    return isinstance(error, MemoryError) or any(said in words for said in SHORT_OF_MEMORY)


def _is_room_for(size: int) -> bool:
    try:
        bytearray(size)
    except MemoryError:
        return False
    return True


def too_large(name: str, size: str) -> ImageError:
    """Tell that a picture has more pixels than are decoded."""
    sentence = f"{name} has {size} pixels; expected at most {MAX_PIXELS:,}: make it smaller."
    return ImageError("image too large", sentence)


def needs_extra(name: str, what: str) -> ImageError:
    """Tell that a picture is of a kind that an optional package reads."""
    return ImageError(
        "unsupported image",
        f"{name} is {what}; expected the extra that reads it: pip install 'tasteprint[photos]', or export a JPEG.",
    )
