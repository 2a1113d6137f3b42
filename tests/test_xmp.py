"""XMP: what a rating means, where it is found, hostile packets, and a rating put in without another byte changed."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import PngImagePlugin

from tasteprint.likes.kinds import read_likes
from tasteprint.likes.xmp import MOST, read_packet
from tasteprint.likes.xmp_edit import with_stars
from tasteprint.likes.xmp_files import packet_inside
from tests.photo_libraries import RDF, XMP, packet, picture


def stars(library):
    return {one.image.rpartition("/")[2]: one.stars for one in read_likes(str(library)).ratings}


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        (packet('xmp:Rating="4"'), "4"),
        (packet("", "<xmp:Rating> 3 </xmp:Rating>"), "3"),
        (packet(""), ""),
        (packet('a:Rating="2"', declared=f'xmlns:a="{XMP}"'), "2"),
        (packet('xmp:Rating="2"', declared='xmlns:xmp="another"'), ""),
        (packet('xmp:Rating="4"', "<xmp:Rating>2</xmp:Rating>"), "several"),
        (packet('xmp:Rating="4"').replace(b'begin=""', 'begin="\ufeff"'.encode()) + b" \n" * 99 + b"\0", "4"),
        (packet('xmp:Rating="5"').decode().encode("utf-16"), "5"),
        # of another picture, from which this one was made
        (packet("", f'<xmp:Source><rdf:Description xmp:Rating="5" xmlns:rdf="{RDF}"/></xmp:Source>'), ""),
        (packet("", '<xmp:Source><rdf:RDF><rdf:Description xmp:Rating="5"/></rdf:RDF></xmp:Source>'), ""),
    ],
)
def test_a_rating_is_found_wherever_xmp_allows_it(said, meaning):
    assert read_packet(said).rating == meaning


BOMB = b'<!DOCTYPE x [<!ENTITY a "' + b"a" * 99 + b'">' + b"".join(
    b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 50) for n in range(9)
) + b"]><x>&j;</x>"  # fmt: skip


@pytest.mark.parametrize(
    ("hostile", "reason"),
    [
        (BOMB, "has a document type"),
        (b'<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd"><x/>', "has a document type"),
        (b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>', "has a document type"),
        (b"<x>" * 1000, "is no XML"),
        (b"\xff\xd8\xff", "is no XML"),
        (b"", "is no XML"),
        (b"<x/>".ljust(MOST + 1), "expected at most"),
    ],
    ids=["entities", "fetched", "file", "unclosed", "jpeg", "empty", "large"],
)
def test_hostile_packets_are_refused_in_words(hostile, reason):
    with pytest.raises(ValueError, match=reason):
        read_packet(hostile)


@pytest.mark.parametrize("many", [b"<y>" + b"<x/>" * 200 + b"</y>", b"<x>" * 200 + b"</x>" * 200])
def test_elements_are_counted(many, monkeypatch):
    assert read_packet(many).rating == ""
    monkeypatch.setattr("tasteprint.likes.xmp.MOST_ELEMENTS", 100)
    with pytest.raises(ValueError, match="more than 100 elements"):
        read_packet(many)


def test_stars_inside_pictures(tmp_path):
    made = [picture(tmp_path / f"{number}.{kind}", xmp=packet(f'xmp:Rating="{number}"'))
            for number, kind in ((1, "jpg"), (2, "webp"), (3, "avif"))]  # fmt: skip
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", packet('xmp:Rating="4"').decode(), zip=True)
    picture(tmp_path / "4.png", pnginfo=text)
    picture(tmp_path / "5.tif", tiffinfo={700: packet('xmp:Rating="5"')})
    picture(tmp_path / "plain.jpg")
    assert stars(tmp_path) == {"1.jpg": 1, "2.webp": 2, "3.avif": 3, "4.png": 4, "5.tif": 5}
    assert read_likes(str(tmp_path)).silent == {"unrated": 1}
    assert stars(made[0]) == {"1.jpg": 1}


def test_stars_of_a_raw_file_that_is_built_like_tiff(tmp_path):
    inside = packet('xmp:Rating="3"')
    for order, mark in (("<", b"II*\0"), (">", b"MM\0*")):
        fields = struct.pack(f"{order}HHHIIHHII", 2, 256, 3, 1, 64 << 16, 700, 1, len(inside), 38)
        raw = mark + struct.pack(f"{order}I", 8) + fields + bytes(4) + inside
        path = tmp_path / f"{order == '<'}.nef"
        path.write_bytes(raw)
        assert packet_inside(path) == inside
        for cut in (4, 9, 20):
            path.write_bytes(raw[:cut])  # the directory ends early, and says nothing
            assert packet_inside(path) is None


def test_sidecars_come_before_the_picture_and_a_raw_files_are_its_own(tmp_path):
    picture(tmp_path / "a.jpg", xmp=packet('xmp:Rating="2"'))
    (tmp_path / "a.jpg.xmp").write_bytes(packet('xmp:Rating="5"'))
    picture(tmp_path / "b.jpg", xmp=packet('xmp:Rating="2"'))
    (tmp_path / "b.jpg.xmp").write_bytes(packet('xmp:Rating="0"'))  # 0 says nothing: the picture does
    picture(tmp_path / "c.JPG")
    (tmp_path / "c.XMP").write_bytes(packet('xmp:Rating="3"'))
    picture(tmp_path / "d.jpg")
    (tmp_path / "d.nef").write_bytes(b"II*\0\x08\0\0\0\0\0")
    (tmp_path / "d.xmp").write_bytes(packet('xmp:Rating="1"'))  # the RAW file's, not the JPEG's
    assert stars(tmp_path) == {"a.jpg": 5, "b.jpg": 2, "c.JPG": 3, "d.nef": 1}


def test_pictures_whose_names_differ_in_capitals_have_their_own(tmp_path):
    picture(tmp_path / "a.jpg")
    picture(tmp_path / "A.jpg")
    (tmp_path / "a.jpg.xmp").write_bytes(packet('xmp:Rating="5"'))
    if len([*tmp_path.iterdir()]) == 3:  # where capitals tell files apart
        assert stars(tmp_path) == {"a.jpg": 5}


def test_what_is_no_opinion_is_counted_and_a_reject_is_no_dislike(tmp_path):
    for name, rating in {"none": "", "zero": "0", "rejected": "-1", "old": "6", "half": "3.5", "odd": "ten",
                         "whole": "4.0"}.items():  # fmt: skip
        picture(tmp_path / f"{name}.jpg", xmp=packet(f'xmp:Rating="{rating}"'))
    picture(tmp_path / "bomb.jpg")
    (tmp_path / "bomb.jpg.xmp").write_bytes(BOMB)
    picture(tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n no picture")
    found = read_likes(str(tmp_path))
    assert [(one.image.rpartition("/")[2], one.stars, one.out_of) for one in found.ratings] == [
        ("whole.jpg", 4, 5)
    ]
    assert found.silent == {
        "unrated": 4,  # none, zero, and the two that could not be read
        "rejected": 2,
        "ratings not understood": 2,
        "sidecars that could not be read": 1,
        "pictures whose inside could not be read": 1,
    }
    disliked = read_likes(str(tmp_path), rejected_are_disliked=True)
    assert sorted((one.stars, one.out_of) for one in disliked.ratings) == [(1, 2), (1, 2), (4, 5)]


DARKTABLE = b"""<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:darktable="http://darktable.sf.net/"
   darktable:note='xmp:Rating="9"'
   xmp:Rating="0"
   darktable:xmp_version="5">
   <darktable:history><rdf:Seq><rdf:li darktable:params="00ff &amp; &#xe9;"/></rdf:Seq></darktable:history>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
"""


@pytest.mark.parametrize(
    "old",
    [
        DARKTABLE,
        DARKTABLE.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + DARKTABLE,
        packet(),
        packet("", "<xmp:Rating>0</xmp:Rating>"),
        packet(declared=""),
        packet(declared='xmlns:xmp="another" xmp:a="1" xmlns:tasteprint="third"'),
        packet("", "<xmp:Label>Größe 🦄</xmp:Label>"),
        None,
    ],
)
def test_everything_else_of_a_sidecar_stays_byte_for_byte(old):
    new = with_stars(old, 4)
    after = read_packet(new)
    assert after.rating == "4" and after.foretold
    assert with_stars(new, 4) == new and read_packet(with_stars(new, 2)).rating == "2"
    if old is not None:
        added = [*new]
        kept = old.replace(b'xmp:Rating="0"', b'xmp:Rating="4"').replace(b">0</xmp:R", b">4</xmp:R")
        rest = iter(added)
        assert all(byte in rest for byte in kept)  # what was there is there, in its order


@given(
    st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20),
    st.sampled_from(
        ["", 'xmp:Rating="0"', "xmp:Rating='0'", 'xmp:Rating = "-1"', 'xmp:CreatorTool="xmp:Rating"']
    ),
    st.integers(1, 5),
)
def test_any_packet_keeps_what_it_says(text, attribute, given_stars):
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    old = packet(attribute, f"<xmp:Label>{safe}</xmp:Label>")
    new = with_stars(old, given_stars)
    assert read_packet(new).rest == read_packet(old).rest and f"<xmp:Label>{safe}</xmp:Label>".encode() in new


@pytest.mark.parametrize(
    "old",
    [
        packet().decode().encode("utf-16"),
        b'<?xml version="1.0" encoding="ISO-8859-1"?>' + packet("", "<xmp:Label>\xe9</xmp:Label>")[55:],
        packet("", "<xmp:Rating/>"),
        b"<x/>",
    ],
)
def test_what_cannot_be_changed_safely_is_refused(old):
    with pytest.raises(ValueError):
        with_stars(old, 3)
