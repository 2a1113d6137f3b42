"""The image store and the decoder, on every kind of picture that has broken one."""

from __future__ import annotations

import errno
import hashlib
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from logs import encoded, picture, small_disk  # noqa: F401
from tasteprint.data.images import ImageError, ImageStore, open_image


def frames() -> list[Image.Image]:
    return [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]


def animated(format: str) -> bytes:
    first, second = frames()
    return encoded(first, format, save_all=True, append_images=[second])


def header_only_png(width: int, height: int) -> bytes:
    """A PNG that promises many pixels and holds none: only its header can be judged."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"")


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
BAD = {
    "truncated png": (encoded(NOISE)[:-2000], "image truncated"),
    "truncated jpeg": (encoded(NOISE, "JPEG")[:-900], "image truncated"),
    "broken chunk": (encoded(NOISE).replace(b"IDAT", b"IDOT"), "image truncated"),
    "text": (b"not an image at all", "not an image"),
    "nothing": (b"", "not an image"),
    "html": (b"<html><body>404</body></html>", "not an image"),
    "another format": (encoded(NOISE, "PPM"), "not an image"),
    "bomb": (header_only_png(20_000, 20_000), "image too large"),
    "smaller bomb": (header_only_png(12_501, 12_000), "image too large"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_image_is_one_sentence_and_leaves_nothing(case: str, tmp_path: Path) -> None:
    data, kind = BAD[case]
    with pytest.raises(ImageError, match="expected") as error:
        open_image(data)
    assert error.value.kind == kind
    assert "\n" not in str(error.value)
    path = tmp_path / "image"
    path.write_bytes(data)
    store = ImageStore(tmp_path / "store")
    with pytest.raises(ValueError, match="image"):
        store.add_file(path)
    assert not list(tmp_path.rglob("store/**/*.*"))


def test_a_missing_image_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "no.png", tmp_path / ("x" * 300), "nul\0"):
        with pytest.raises(ImageError, match="is not there; expected a file") as error:
            open_image(path)
        assert error.value.kind == "image missing"
    with pytest.raises(ImageError, match="is a folder; expected a file"):
        open_image(tmp_path)
    with pytest.raises(ValueError, match="is not there"):
        ImageStore(tmp_path).add_file(tmp_path / "no.png")


def test_a_real_bomb_is_refused_from_its_header() -> None:
    bomb = encoded(Image.new("1", (20_000, 20_000)))
    assert len(bomb) < 100_000
    with pytest.raises(ValueError, match="expected at most 150,000,000"):
        open_image(bomb)


def test_cmyk_becomes_rgb() -> None:
    red = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    pixel = np.asarray(open_image(encoded(red, "JPEG")))[4, 4].astype(int)
    assert np.abs(pixel - [254, 0, 0]).max() < 6


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_not_clipped(format: str) -> None:
    grey = np.array([[0, 257, 0x8080, 65535]], dtype=np.uint16)
    image = open_image(encoded(Image.fromarray(grey), format))
    assert image.mode == "RGB"
    assert np.asarray(image)[0, :, 1].tolist() == [0, 1, 128, 255]


def test_alpha_is_laid_on_white() -> None:
    clear_black = Image.new("RGBA", (2, 2), (0, 0, 0, 0))
    half_black = Image.new("LA", (2, 2), (0, 128))
    assert open_image(encoded(clear_black)).getpixel((0, 0)) == (255, 255, 255)
    assert open_image(encoded(half_black)).getpixel((0, 0)) == (127, 127, 127)


def test_a_palette_with_a_transparent_colour_is_laid_on_white() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((1, 0), 1)
    for format in ("PNG", "GIF"):
        decoded = open_image(encoded(image, format, transparency=1))
        assert [decoded.getpixel((x, 0)) for x in (0, 1)] == [(255, 0, 0), (255, 255, 255)]


def test_the_exif_rotation_is_applied() -> None:
    image = Image.new("RGB", (8, 4), "red")
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = open_image(encoded(image, "JPEG", exif=exif))
    assert turned.size == (4, 8)


def test_a_telephones_photograph_with_previews_is_its_first_picture(tmp_path: Path) -> None:
    first, second = frames()
    file = io.BytesIO()
    first.save(file, "MPO", save_all=True, append_images=[second])
    assert open_image(file.getvalue()).getpixel((0, 0))[0] > 240
    store = ImageStore(tmp_path)
    assert store.path(store.add_bytes(file.getvalue())).suffix == ".jpeg"


def test_the_store_keeps_the_bytes_once(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    data = picture(1, "JPEG")
    image_id = store.add_bytes(data)
    path = store.path(image_id)
    assert image_id == hashlib.sha256(data).hexdigest()
    assert path == tmp_path / image_id[:2] / f"{image_id}.jpeg"
    assert path.read_bytes() == data
    before = path.stat().st_mtime_ns
    (tmp_path / "copy").write_bytes(data)
    assert store.add_file(tmp_path / "copy") == image_id
    assert path.stat().st_mtime_ns == before
    assert image_id in store and picture(2) not in store and "0" * 64 not in store
    assert store.open(image_id).size == (8, 6)


@pytest.mark.parametrize("image_id", ["../../etc/passwd", "a" * 63, "A" * 64, "a" * 64 + "\n", "", "*"])
def test_an_id_never_becomes_a_path(image_id: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected 64 hex digits"):
        ImageStore(tmp_path).path(image_id)


def test_an_unknown_id_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected a stored image"):
        ImageStore(tmp_path).open("a" * 64)


def test_a_full_disk_is_one_sentence_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, target: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match=r"No space left on device.*expected room") as error:
        ImageStore(tmp_path).add_bytes(picture(1))
    assert error.value.errno == errno.ENOSPC
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_really_full_disk(small_disk: Path) -> None:  # noqa: F811
    store = ImageStore(small_disk)
    big = encoded(Image.fromarray(np.random.default_rng(1).integers(0, 255, (400, 400, 3), dtype=np.uint8)))
    with pytest.raises(OSError, match="No space left on device"):
        store.add_bytes(big)
    assert not [path for path in small_disk.rglob("*") if path.is_file()]
    assert store.add_bytes(picture(1)) in store
