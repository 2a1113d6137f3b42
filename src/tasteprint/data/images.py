"""The image store: every image once, under the SHA-256 of its bytes.

Enters: bytes or files of any origin. Leaves: image ids, and RGB images by id. Does not know: votes, users.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

from PIL import Image

from tasteprint.data.decode import FORMATS, ImageError, image_format, open_image, refuse_missing
from tasteprint.files import write_bytes

__all__ = ["ImageError", "ImageStore", "open_image"]

_ID = re.compile(r"[0-9a-f]{64}")


class ImageStore:
    """A folder of images as `ab/abcdef….png`, the original bytes kept.

    A file appears under its name only when it is whole (written aside, then renamed), so whatever is found
    there was decoded once without fault. Safe to hand to other processes: it holds nothing open.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def add_bytes(self, data: bytes) -> str:
        """Store an image unless it is there; give its id, 64 hex digits.

        Raises ImageError (a ValueError) for what `open_image` refuses, OSError for a full disk.
        """
        image_id = hashlib.sha256(data).hexdigest()
        if image_id not in self:
            open_image(data)
            write_bytes(self._named(image_id, image_format(data)), data, self.folder / ".partial")
        return image_id

    def add_file(self, path: str | Path) -> str:
        """Store the image in a file; see `add_bytes`."""
        refuse_missing(path)
        try:
            return self.add_bytes(_read(path))
        except ImageError as fault:
            raise ImageError(fault.kind, f"file {str(path)!r}: {fault}") from fault

    def open(self, image_id: str) -> Image.Image:
        """Give the image as RGB. ValueError for an id that is not here."""
        return open_image(self.path(image_id))

    def path(self, image_id: str) -> Path:
        """Give the file of an image. ValueError for what is not an id, or not here."""
        if not _ID.fullmatch(image_id):
            raise ValueError(
                f"{image_id!r} is not an image id; expected 64 hex digits: take ids from the votes."
            )
        found = self._find(image_id)
        if found is None:
            raise ValueError(
                f"image {image_id} is not in {self.folder}; expected a stored image: build the data again."
            )
        return found

    def __contains__(self, image_id: object) -> bool:
        """Whether an image of this id is stored; False for what is no id."""
        return (
            isinstance(image_id, str) and bool(_ID.fullmatch(image_id)) and self._find(image_id) is not None
        )

    def sweep(self) -> None:
        """Remove what an interrupted writer left aside."""
        shutil.rmtree(self.folder / ".partial", ignore_errors=True)

    def _find(self, image_id: str) -> Path | None:
        # A few stats are cheaper than listing a shard of thousands.
        names = (self._named(image_id, extension.lower()) for extension in FORMATS)
        return next((path for path in names if path.is_file()), None)

    def _named(self, image_id: str, extension: str) -> Path:
        return self.folder / image_id[:2] / f"{image_id}.{extension}"


def _read(path: str | Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        why = error.strerror or type(error).__name__
        sentence = f"it cannot be read ({why}); expected a file that you may read: correct its permissions."
        raise ImageError("image unreadable", sentence) from error
