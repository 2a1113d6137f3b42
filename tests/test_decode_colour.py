"""Colours and depths: profiles, printing inks, 16 and 32 bits, transparency; and what PIL opened itself."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from logs import encoded
from odd_pictures import (
    grey_profile,
    png_chunk,
    png_of_sixteen_bits,
    printing_profile,
    scene,
    sixteen_bit_tiff,
    wide_gamut_profile,
)
from tasteprint.data import depth
from tasteprint.data.decode import ImageError, decode, open_image
from tasteprint.vision.encoder import ImageEncoder

SCENE = scene()
PLAIN = np.asarray(SCENE).astype(int)
DEEP = PLAIN.astype(np.uint16) * 257
RAMP = np.tile(np.linspace(0, 65535, 96).astype(np.uint16), (64, 1))
EIGHT = np.rint(RAMP / 257).astype(int)


def values(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(int)


def srgb_by_hand(p3: np.ndarray) -> np.ndarray:
    """Display P3 to sRGB by the published matrix (CSS Color 4, section 17), in [0, 1]."""
    linear = np.where(p3 <= 0.04045, p3 / 12.92, ((p3 + 0.055) / 1.055) ** 2.4)
    matrix = [[1.2249401, -0.2249404, 0], [-0.0420569, 1.0420571, 0], [-0.0196376, -0.0786361, 1.0982735]]
    there = (linear @ np.transpose(matrix)).clip(0, 1)
    return np.where(there <= 0.0031308, there * 12.92, 1.055 * there ** (1 / 2.4) - 0.055)


# --- profiles ---


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP"])
def test_display_p3_is_shown_as_srgb(format: str) -> None:
    lossless = {"lossless": True} if format == "WEBP" else {}
    data = encoded(SCENE, format, icc_profile=wide_gamut_profile(), **lossless)
    by_hand = 255 * srgb_by_hand(PLAIN / 255)
    image = open_image(data)
    assert np.abs(values(image) - by_hand).mean() < 0.6
    assert np.abs(by_hand - PLAIN).mean() > 5
    assert np.array_equal(values(open_image(image)), values(image))


def adobe_by_hand(adobe: np.ndarray) -> np.ndarray:
    """Adobe RGB (1998) to sRGB by its gamma and the published matrices, in [0, 1]."""
    matrix = [[1.3983832, -0.3983832, 0], [0, 1, 0], [0, -0.0429399, 1.0429399]]
    there = (adobe ** (563 / 256) @ np.transpose(matrix)).clip(0, 1)
    return np.where(there <= 0.0031308, there * 12.92, 1.055 * there ** (1 / 2.4) - 0.055)


def test_adobe_rgb_is_known_by_what_a_camera_writes() -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA001] = 65535
    exif.get_ifd(0x8769)[0xA005] = {1: "R03", 2: b"0100"}
    decoded = values(open_image(encoded(SCENE, "JPEG", quality=100, subsampling=0, exif=exif)))
    by_hand = 255 * adobe_by_hand(PLAIN / 255)
    assert np.abs(decoded - by_hand).mean() < 1.2
    assert np.abs(by_hand - PLAIN).mean() > 5


def test_display_p3_is_known_by_what_a_telephone_writes() -> None:
    """HEIC names its primaries by a number where it carries no profile."""
    image = SCENE.copy()
    image.info["nclx_profile"] = {"color_primaries": 12}
    assert np.abs(values(open_image(image)) - 255 * srgb_by_hand(PLAIN / 255)).mean() < 0.6


def test_srgb_itself_moves_nothing() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.array_equal(values(open_image(encoded(SCENE, icc_profile=profile))), PLAIN)


def test_inks_are_shown_as_their_profile_says() -> None:
    paper_cyan_black = Image.new("CMYK", (3, 1))
    paper_cyan_black.putdata([(0, 0, 0, 0), (255, 0, 0, 0), (0, 0, 0, 255)])
    data = encoded(paper_cyan_black, "TIFF", icc_profile=printing_profile())
    paper, cyan, black = values(open_image(data))[0]
    assert paper.min() > 250 and black.max() < 5
    assert np.abs(cyan - _lab(60, -30, -40)).max() <= 6  # what the profile's table says of cyan
    assert open_image(encoded(paper_cyan_black, "TIFF")).getpixel((1, 0)) == (0, 255, 255)


def _lab(lightness: float, a: float, b: float) -> np.ndarray:
    """CIE Lab of D50 to sRGB in 255ths, by the formulas."""
    fy = (lightness + 16) / 116
    f = np.array([fy + a / 500, fy, fy - b / 200])
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * (0.9642, 1, 0.8249)
    bradford = [
        [3.1341359, -1.6173864, -0.4906620],
        [-0.9787955, 1.9162544, 0.0334427],
        [0.0719550, -0.2289768, 1.4053860],
    ]
    there = (np.array(bradford) @ xyz).clip(0, 1)
    return np.rint(255 * np.where(there <= 0.0031308, there * 12.92, 1.055 * there ** (1 / 2.4) - 0.055))


@pytest.mark.parametrize(
    ("profile", "note"),
    [
        (b"not a profile" * 9, "its colour profile is damaged and was not applied"),
        (bytes(5 << 20), "its colour profile of 5,242,880 bytes is too large and was not applied"),
        (printing_profile(), "its colour profile is for CMYK, its pixels are RGB: it was not applied"),
        (wide_gamut_profile()[:300], "its colour profile is damaged and was not applied"),
    ],
)
def test_a_profile_that_cannot_be_used_is_left_out_and_said(profile: bytes, note: str) -> None:
    decoded = decode(encoded(SCENE, "TIFF", icc_profile=profile))
    assert decoded.notes == (note,)
    assert np.array_equal(values(decoded.image), PLAIN)


@pytest.mark.parametrize("mode", ["L", "LA", "I;16", "1"])
def test_a_grey_profile_is_for_grey_of_every_kind(mode: str) -> None:
    """A half of linear light is 188 of sRGB's 255."""
    numbers = np.full((4, 4), 128 * 257, np.uint16)
    grey = Image.fromarray(numbers) if mode == "I;16" else Image.new("L", (4, 4), 128).convert(mode)
    image = open_image(encoded(grey, icc_profile=grey_profile(1)))
    assert decode(encoded(grey, icc_profile=grey_profile(1))).notes == ()
    assert mode == "1" or abs(image.getpixel((1, 1))[0] - 188) <= 1


def test_grey_with_an_rgb_profile_and_transparency_with_one() -> None:
    grey = encoded(Image.new("L", (4, 4), 128), icc_profile=wide_gamut_profile())
    assert open_image(grey).getpixel((1, 1)) == (128, 128, 128)
    clear = SCENE.convert("RGBA")
    clear.putalpha(0)
    assert open_image(encoded(clear, icc_profile=wide_gamut_profile())).getpixel((9, 9)) == (255, 255, 255)


# --- depth ---


def test_sixteen_bits_of_every_layout() -> None:
    layouts = {
        "rgb png": png_of_sixteen_bits(DEEP, 2),
        "rgb tiff": sixteen_bit_tiff(DEEP),
        "planes": sixteen_bit_tiff(DEEP, planar=2),
    }
    for name, data in layouts.items():
        assert np.abs(values(open_image(data)) - PLAIN).max() <= 1, name


def test_grey_of_sixteen_bits() -> None:
    assert np.array_equal(values(open_image(encoded(Image.fromarray(RAMP))))[..., 0], EIGHT)
    black_on_white = sixteen_bit_tiff(RAMP[..., None], photometric=0)
    assert np.array_equal(values(open_image(black_on_white))[..., 1], np.rint((65535 - RAMP) / 257))
    assert np.array_equal(values(open_image(sixteen_bit_tiff(RAMP[..., None], photometric=1)))[..., 1], EIGHT)
    veiled = np.stack([RAMP, np.full_like(RAMP, 65535)], -1)
    assert np.abs(values(open_image(png_of_sixteen_bits(veiled, 4)))[..., 2] - EIGHT).max() <= 1
    no_black = open_image(png_of_sixteen_bits(RAMP[..., None], 0, png_chunk(b"tRNS", b"\0\0")))
    assert no_black.getpixel((0, 0)) == (255, 255, 255) and no_black.getpixel((1, 0)) == (3, 3, 3)


@pytest.mark.parametrize(
    ("numbers", "shown", "white"),
    [
        (np.array([[0, 0.5, 1, np.nan]], np.float32), [0, 128, 255, 0], "0 is shown black, 1 white"),
        (np.array([[0, 51, 255, np.inf]], np.float32), [0, 51, 255, 255], "0 is shown black, 255 white"),
        (np.array([[0, 257, 514, 65535]], np.int32), [0, 1, 2, 255], "0 is shown black, 65535 white"),
        (np.array([[-2, -1, 0, 2]], np.float32), [0, 64, 128, 255], "-2 is shown black, 2 white"),
        (np.array([[0, 0, 0, 0]], np.int32), [0, 0, 0, 0], "0 is shown black, 1 white"),
        (np.full((1, 4), np.nan, np.float32), [0, 0, 0, 0], "0 is shown black, 1 white"),
    ],
)
def test_thirty_two_bits_are_scaled_and_the_scale_is_said(
    numbers: np.ndarray, shown: list[int], white: str
) -> None:
    decoded = decode(encoded(Image.fromarray(numbers), "TIFF"))
    assert values(decoded.image)[0, :, 0].tolist() == shown
    assert decoded.notes == (f"32-bit pixels: {white}",)


def test_three_floats_a_pixel_are_refused_by_their_name() -> None:
    data = bytearray(sixteen_bit_tiff(DEEP))
    place = data.index(b"\x02\x01\x03\0\x03\0\0\0")  # bits per sample: where its three numbers stand
    at = int.from_bytes(data[place + 8 : place + 12], "little")
    data[at : at + 6] = b"\x20\0\x20\0\x20\0"
    with pytest.raises(ImageError, match="a TIFF file of an unknown kind, or damaged; expected 8 or 16 bits"):
        open_image(bytes(data))


def test_a_part_is_converted_as_the_whole_is(monkeypatch: pytest.MonkeyPatch) -> None:
    clear = SCENE.convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(SCENE.size))
    made = {
        "RGBA": (clear, {}),
        "P": (SCENE.quantize(16), {}),
        "CMYK": (SCENE.convert("CMYK"), {"icc_profile": printing_profile()}),
        "LAB": (SCENE.convert("LAB"), {}),
        "I;16": (Image.fromarray(RAMP), {}),
        "F": (Image.fromarray(RAMP.astype(np.float32)), {}),
        "1": (SCENE.convert("1"), {}),
        "P3": (SCENE, {"icc_profile": wide_gamut_profile()}),
    }
    whole = {name: decode(encoded(one, "TIFF", **extra), 10) for name, (one, extra) in made.items()}
    monkeypatch.setattr(depth, "BAND_PIXELS", 96 * 9)
    for name, (one, extra) in made.items():
        parts = decode(encoded(one, "TIFF", **extra), 10)
        assert parts.notes == whole[name].notes
        assert np.array_equal(values(parts.image), values(whole[name].image)), name


def test_a_turned_tiff_is_reduced_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for size in ((96, 64), (97, 65)):
        data = encoded(SCENE.resize(size), "TIFF", exif=exif)
        upright = SCENE.resize(size).transpose(Image.Transpose.ROTATE_270)
        small = open_image(data, side=8)
        assert small.size == (32, 48)
        assert np.abs(values(small) - values(upright.resize((32, 48), Image.Resampling.BOX))).mean() < 3


def test_transparency_is_averaged_as_it_is_seen() -> None:
    """A clear black pixel beside an opaque red one: half white, half red, and no black."""
    two = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    two.paste((255, 0, 0, 255), (0, 0, 64, 32))
    stripes = Image.fromarray(np.asarray(two)[np.arange(64).reshape(2, 32).T.ravel()])
    assert open_image(encoded(stripes), side=8).getpixel((5, 5)) in ((255, 127, 127), (255, 128, 128))


# --- PIL's own ---


def _files(folder: Path) -> list[Path]:
    exif = Image.Exif()
    exif[0x0112] = 6
    contents = {
        "turned.jpg": encoded(SCENE, "JPEG", exif=exif),
        "grey16.png": encoded(Image.fromarray(RAMP)),
        "int32.tif": encoded(Image.fromarray(RAMP.astype(np.int32)), "TIFF"),
        "float.tif": encoded(Image.fromarray(RAMP.astype(np.float32)), "TIFF"),
        "inverse16.tif": sixteen_bit_tiff(RAMP[..., None], photometric=0),
        "planes16.tif": sixteen_bit_tiff(DEEP, planar=2),
        "lab.tif": encoded(SCENE.convert("LAB"), "TIFF"),
        "bilevel.png": encoded(SCENE.convert("1")),
        "p3.png": encoded(SCENE, icc_profile=wide_gamut_profile()),
        "cmyk.tif": encoded(SCENE.convert("CMYK"), "TIFF", icc_profile=printing_profile()),
        "clear.png": encoded(SCENE.convert("LA")),
        "moving.gif": encoded(SCENE, "GIF", save_all=True, append_images=[SCENE.rotate(90)]),
    }
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    return [folder / name for name in contents]


def test_what_pil_opened_is_seen_as_its_file_is(tmp_path: Path) -> None:
    statistics = ImageEncoder.from_pretrained("statistics")
    for path in _files(tmp_path):
        by_file = open_image(path)
        with Image.open(path) as image:
            assert np.array_equal(values(open_image(image)), values(by_file)), path.name
        with Image.open(path) as image:
            rows = statistics.embed_pictures([image, by_file])
        assert torch.equal(rows[0], rows[1]), path.name


def test_the_callers_own_picture_stays_as_it_is() -> None:
    with Image.open(io.BytesIO(encoded(SCENE, icc_profile=wide_gamut_profile()))) as image:
        decoded = open_image(image)
        assert "icc_profile" in image.info and decoded is not image
        decoded.thumbnail((8, 8))
        assert image.size == SCENE.size
    plain = SCENE.copy()
    assert open_image(plain) is not plain
