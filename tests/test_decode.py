"""Containers of every kind, as telephones, cameras and programs write them: what opens, how large, and why not."""

from __future__ import annotations

import io
import os
import pickle
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from logs import encoded
from odd_pictures import (
    LONG,
    SHORT,
    detailed,
    dng,
    png_chunk,
    png_with,
    scene,
    tiff,
)
from tasteprint.data.decode import PICTURE_SUFFIXES, SIDECAR_SUFFIXES, ImageError, decode, open_image
from tasteprint.data.faults import decoding_fault
from tasteprint.data.images import ImageStore
from tasteprint.data.intake import _stored

SCENE = scene()
PLAIN = np.asarray(SCENE).astype(int)
MOVED = SCENE.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def heic(image: Image.Image = SCENE, **options: object) -> bytes:
    file = io.BytesIO()
    pytest.importorskip("pillow_heif").from_pillow(image).save(file, **options)
    return file.getvalue()


def moving(format: str) -> bytes:
    return encoded(SCENE, format, save_all=True, append_images=[MOVED, SCENE])


def apart(image: Image.Image, other: np.ndarray = PLAIN) -> float:
    """Mean difference in 255ths."""
    return float(np.abs(np.asarray(image).astype(int) - other).mean())


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


# --- what opens ---


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_is_taken_and_said(format: str) -> None:
    decoded = decode(moving(format))
    assert decoded.notes == ("the first frame of several",)
    assert apart(decoded.image) < 8


def test_one_frame_is_no_animation() -> None:
    still = png_with(png_chunk(b"acTL", struct.pack(">II", 1, 0)), SCENE)
    assert decode(still).notes == () == decode(encoded(SCENE, "GIF")).notes
    assert apart(open_image(still)) == 0


def test_of_a_tiff_the_first_full_page_is_taken() -> None:
    pages = encoded(SCENE, "TIFF", save_all=True, append_images=[MOVED.resize((24, 16))])
    assert decode(pages).notes == ("the first page of several",)
    assert apart(open_image(pages)) == 0

    def page(image: Image.Image, reduced: int) -> dict[int, tuple]:
        size = {256: (LONG, image.width), 257: (LONG, image.height), 278: (LONG, image.height)}
        kind = {
            254: (LONG, reduced),
            258: (SHORT, 8, 8, 8),
            259: (SHORT, 1),
            262: (SHORT, 2),
            277: (SHORT, 3),
        }
        return size | kind | {273: (LONG, image.tobytes())}

    small = SCENE.resize((24, 16))
    for order in ([page(SCENE, 0), page(small, 1)], [page(small, 1), page(small, 1), page(SCENE, 0)]):
        assert open_image(tiff(order)).size == SCENE.size
    assert open_image(tiff([page(small, 1)])).size == small.size


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
def test_avif_opens() -> None:
    data = encoded(SCENE, "AVIF", quality=90)
    assert apart(open_image(data)) < 4
    assert open_image(encoded(SCENE, "AVIF", exif=turned(6))).size == (64, 96)


def test_heic_opens_upright_whatever_its_name(tmp_path: Path) -> None:
    path = tmp_path / "IMG_0001.jpg"
    path.write_bytes(heic(quality=90))
    assert apart(open_image(path)) < 4
    data = heic(exif=turned(6).tobytes())
    assert open_image(data).size == (64, 96)
    assert apart(open_image(data).transpose(Image.Transpose.ROTATE_90)) < 6
    assert open_image(heic(scene(640, 480)), side=50).size == (213, 160)


def test_a_raw_file_is_its_preview_not_its_thumbnail(tmp_path: Path) -> None:
    pytest.importorskip("rawpy")
    preview = scene(600, 400)
    path = tmp_path / "DSC_0001.dng"
    path.write_bytes(dng(preview))
    decoded = decode(path)
    assert decoded.notes == ("the camera's preview of 600 x 400 pixels",)
    assert apart(decoded.image, np.asarray(preview).astype(int)) < 3
    assert decode(dng(preview), side=64).image.size == (150, 100)
    left = open_image(dng(preview, orientation=8))
    assert left.size == (400, 600)
    assert apart(left.transpose(Image.Transpose.ROTATE_270), np.asarray(preview).astype(int)) < 3
    upright = dng(preview.transpose(Image.Transpose.ROTATE_90), orientation=8)
    assert open_image(upright).size == (400, 600)


@pytest.mark.parametrize("preview", [None, scene(160, 120)])
def test_a_raw_file_with_a_tiny_preview_is_developed(preview: Image.Image | None) -> None:
    pytest.importorskip("rawpy")
    decoded = decode(dng(preview, orientation=6))
    assert decoded.notes == ("developed at half size: its preview is too small",)
    assert decoded.image.size == (240, 320)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(
    "chunk",
    {
        "workflow": png_chunk(b"zTXt", b"workflow\0\0" + zlib.compress(bytes(2 << 20))),
        "plain text": png_chunk(b"tEXt", b"prompt\0" + b"cat " * (1 << 19)),
        "unicode text": png_chunk(b"iTXt", b"x\0\1\0\0\0" + zlib.compress(b"n" * (2 << 20))),
        "odd text": png_chunk(b"tEXt", b"a\0b")[:-4] + bytes(4),
    }.items(),
    ids=lambda item: item[0],
)
def test_a_png_opens_whatever_text_it_carries(chunk: tuple[str, bytes], late: bool) -> None:
    decoded = decode(png_with(chunk[1], SCENE, late))
    assert apart(decoded.image) == 0 and decoded.notes == ()


@pytest.mark.parametrize("profile", [zlib.compress(bytes(2 << 20)), b"nonsense"])
def test_a_png_opens_whatever_profile_it_carries(profile: bytes) -> None:
    decoded = decode(png_with(png_chunk(b"iCCP", b"camera\0\0" + profile), SCENE))
    assert apart(decoded.image) == 0
    assert decoded.notes == ("its colour profile is damaged or too large and was not applied",)


def test_what_follows_a_whole_picture_is_no_matter() -> None:
    assert apart(open_image(encoded(SCENE) + b"junk" * 20)) == 0
    assert apart(open_image(encoded(SCENE)[:-12])) == 0


# --- no larger than needed ---


@pytest.mark.parametrize("size", [(1600, 1200), (1601, 1203), (1345, 1777), (900, 1343), (700, 505)])
@pytest.mark.parametrize(("format", "gap", "mean", "most"), [("JPEG", 1.5, 2.5, 14), ("PNG", 3, 0.5, 4)])
def test_a_reduced_picture_gives_the_eye_almost_the_same_pixels(
    size: tuple[int, int], format: str, gap: float, mean: float, most: int
) -> None:
    """Of noise of every size, which is harder than a photograph."""
    side, data = 100, encoded(detailed(*size), format, quality=92)
    full, reduced = open_image(data), open_image(data, side)
    assert full.size == size
    assert gap * side <= min(reduced.size) <= 2 * gap * side
    squares = [np.asarray(each.resize((side, side), Image.Resampling.BILINEAR)) for each in (full, reduced)]
    difference = np.abs(squares[0].astype(int) - squares[1])
    assert difference.mean() < mean and difference.max() <= most


def test_nothing_is_enlarged() -> None:
    for size in ((1, 1), (3, 400), (96, 64)):
        assert open_image(encoded(SCENE.resize(size)), side=224).size == size
    assert open_image(encoded(Image.new("RGB", (5000, 10))), side=8).size == (5000, 10)
    assert open_image(encoded(Image.new("RGB", (5000, 100))), side=8).size == (1250, 25)


def test_a_panorama_opens_and_a_small_copy_of_a_larger_jpeg() -> None:
    panorama = encoded(Image.new("L", (20_000, 5_000), 77))
    small = open_image(panorama, side=100)
    assert small.size == (1250, 312) and small.getpixel((9, 9)) == (77, 77, 77)
    huge = encoded(Image.new("L", (16_000, 12_000), 77), "JPEG")
    assert open_image(huge, side=200).size == (1000, 750)
    with pytest.raises(ImageError, match="16,000 x 12,000 pixels; expected at most 150,000,000"):
        open_image(huge)


def test_a_jpeg_that_is_held_whole_is_bounded_like_others() -> None:
    """A header that says 12,000 x 16,000 pixels, of which a progressive JPEG would need all the memory."""
    data = bytearray(encoded(SCENE, "JPEG", progressive=True))
    struct.pack_into(">HH", data, data.index(b"\xff\xc2") + 5, 16_000, 12_000)
    with pytest.raises(ImageError, match="12,000 x 16,000 pixels; expected at most 150,000,000"):
        open_image(bytes(data), side=200)


# --- what does not ---

NOT_PICTURES = {
    "empty": b"",
    "a PDF document": b"%PDF-1.7\n",
    "a web page": b"\n<!DOCTYPE html><html>404</html>",
    "an SVG drawing": b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'/>",
    "an XML document": b"<?xml version='1.0'?><x:xmpmeta/>",
    "a zip archive or an Office document": b"PK\x03\x04" + bytes(40),
    "a video": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(40),
    "a JPEG 2000 picture": b"\0\0\0\x0cjP  \r\n\x87\n",
    "a Photoshop document": b"8BPS\0\1" + bytes(20),
    "a file that macOS wrote beside another": b"\0\5\x16\7\0\2\0\0Mac OS X",
    "a Git LFS pointer, whose picture was not fetched": b"version https://git-lfs.github.com/spec/v1\n",
    "not an image": b"liked,disliked\na,b\n",
}


@pytest.mark.parametrize("kind", NOT_PICTURES)
def test_what_is_no_picture_is_called_by_its_name(kind: str) -> None:
    with pytest.raises(ImageError, match=f"bytes is {kind}; expected one of PNG, JPEG") as error:
        open_image(NOT_PICTURES[kind])
    assert error.value.kind == "not an image"


@pytest.mark.parametrize(("package", "data"), [("pillow_heif", None), ("rawpy", dng(SCENE))])
def test_without_the_extra_it_is_named(
    package: str, data: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = data or b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(2000)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImageError, match=r"pip install 'tasteprint\[photos\]'"):
        open_image(data)


def test_the_extra_is_loaded_for_its_own_files_only() -> None:
    code = (
        "import io, sys; from PIL import Image; from tasteprint.data.decode import open_image\n"
        "file = io.BytesIO(); Image.new('RGB', (8, 8)).save(file, 'TIFF'); open_image(file.getvalue())\n"
        "sys.exit('pillow_heif' in sys.modules or 'rawpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_headers_without_a_picture_are_damaged(tmp_path: Path) -> None:
    pytest.importorskip("pillow_heif")
    pytest.importorskip("rawpy")
    with pytest.raises(ImageError, match="truncated or damaged"):
        open_image(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(2000))
    raw = tmp_path / "raw.CR2"
    raw.write_bytes(b"II*\0\x10\0\0\0CR\2\0" + bytes(500))
    with pytest.raises(ImageError, match="a camera's RAW file that LibRaw cannot read"):
        open_image(raw)


@pytest.mark.parametrize(
    "name", [b"a b.png", b"q'\".png", b"new\nline.png", "🎈.png".encode(), b"caf\xe9.png"]
)
def test_names_of_all_kinds_open_and_print(name: bytes, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(name)
    path.write_bytes(encoded(SCENE))
    assert open_image(path).size == open_image(str(path)).size == SCENE.size
    path.write_bytes(b"%PDF")
    with pytest.raises(ImageError) as error:
        open_image(path)
    assert "\n" not in str(error.value) and str(error.value).encode("utf-8")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_not_called_damaged(tmp_path: Path) -> None:
    path = tmp_path / "mine.png"
    path.write_bytes(encoded(SCENE))
    path.chmod(0)
    with pytest.raises(ImageError, match="cannot be read"):
        open_image(path)


def test_a_file_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "endless.webp"
    with path.open("wb") as file:
        file.write(encoded(SCENE, "WEBP"))
        file.truncate(3 << 30)  # a hole, not bytes
    with pytest.raises(ImageError, match="more than 1,073,741,824 bytes"):
        open_image(path)


# --- what happens to it then ---


SCARCE = """
import resource, sys
from tasteprint.data.decode import ImageError, open_image
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20),) * 2)
try:
    open_image(sys.argv[1])
except ImageError as fault:
    print(fault.kind, "|", fault)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is bounded by Linux's means")
@pytest.mark.parametrize(
    "name", ["large.png", "progressive.jpg"]
)  # libjpeg tells of neither in its own words
def test_a_lack_of_memory_is_called_so(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    Image.new("L", (12_000, 10_000)).save(path, progressive=True)
    said = subprocess.run([sys.executable, "-c", SCARCE, str(path)], capture_output=True, text=True).stdout
    assert said.startswith("not enough memory | there is not enough memory to decode image file")
    assert "damaged" not in said


def test_a_build_with_too_little_memory_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def scarce(data: bytes) -> Image.Image:
        raise decoding_fault("x", MemoryError(), 9_000_000)

    monkeypatch.setattr("tasteprint.data.images.open_image", scarce)
    with pytest.raises(ImageError, match="not enough memory to decode x; expected at least 36 MB free"):
        _stored(ImageStore(tmp_path), False, "x", b"picture")


def test_decoding_twice_is_decoding_once() -> None:
    for data in (
        encoded(SCENE, "JPEG", exif=turned(6)),
        encoded(SCENE, "TIFF"),
        encoded(SCENE.convert("LA")),
    ):
        once = open_image(data)
        twice = open_image(once)
        assert once.info == twice.info == {} and twice is not once
        assert np.array_equal(np.asarray(once), np.asarray(twice))


def test_processes_can_hand_pictures_and_faults_to_each_other() -> None:
    decoded = pickle.loads(pickle.dumps(decode(encoded(SCENE))))
    assert apart(decoded.image) == 0
    with pytest.raises(ImageError) as error:
        open_image(b"")
    fault = pickle.loads(pickle.dumps(error.value))
    assert (fault.kind, str(fault)) == (error.value.kind, str(error.value))


@pytest.mark.parametrize(
    ("suffix", "data"),
    [(".avif", lambda: encoded(SCENE, "AVIF")), (".heif", heic), (".raw", lambda: dng(scene(400, 330)))],
)
def test_the_store_keeps_and_finds_new_formats(
    suffix: str, data: Callable[[], bytes], tmp_path: Path
) -> None:
    if suffix == ".raw":
        pytest.importorskip("rawpy")
    if suffix == ".avif" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    store = ImageStore(tmp_path)
    image_id = store.add_bytes(data())
    assert store.path(image_id).suffix == suffix and image_id in store
    assert store.open(image_id).mode == "RGB"


def test_suffixes_are_lower_case_and_apart() -> None:
    both = PICTURE_SUFFIXES | SIDECAR_SUFFIXES
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in both)
    assert not PICTURE_SUFFIXES & SIDECAR_SUFFIXES
    assert {".jpg", ".heic", ".avif", ".dng", ".cr3", ".rw2"} <= PICTURE_SUFFIXES


def test_hostile_changes_to_any_file_end_in_one_sentence() -> None:
    """A few of the 16,000 changed files that were tried by hand."""
    rng = np.random.default_rng(0)
    whole = [encoded(SCENE, format) for format in ("PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP")]
    for data in (*whole, dng(scene(64, 48))):
        for _ in range(20):
            changed = bytearray(data)
            for place in rng.integers(0, len(data), 5):
                changed[place] = rng.integers(256)
            try:
                assert open_image(bytes(changed), side=16).mode == "RGB"
            except ImageError as fault:
                assert "expected" in str(fault) and "\n" not in str(fault)


def test_a_pipe_is_refused_unread(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", Path("/dev/zero")):
        with pytest.raises(
            ImageError, match="is a pipe, a device or a socket, which is not read; expected a file"
        ):
            open_image(path)
