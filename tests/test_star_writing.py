"""Stars written back: where, which, over what never, and nothing where it is only asked."""

import os
import stat

import pytest

from tasteprint.library.ranking import RankedPicture, Ranking
from tasteprint.likes.kinds import read_likes
from tasteprint.likes.star_writing import stars_of, write_stars
from tasteprint.likes.xmp import read_packet
from tests.photo_libraries import packet, picture
from tests.test_xmp import DARKTABLE


def ranked(*paths, standing=0.9, **more):
    return Ranking(
        tuple(RankedPicture(path, 1.0, standing, number, **more) for number, path in enumerate(paths))
    )


def stars_in(path):
    return read_packet(path.read_bytes()).rating


@pytest.mark.parametrize(
    ("standing", "stars"),
    [(0, 1), (0.199, 1), (0.2, 2), (0.4, 3), (0.5, 3), (0.6, 4), (0.799, 4), (0.8, 5), (1, 5)],
)
def test_a_star_a_fifth(standing, stars):
    assert stars_of(float(standing)) == stars


def test_stars_go_beside_the_picture_and_are_no_opinion(tmp_path):
    paths = [picture(tmp_path / name) for name in ("a.jpg", "b.png")]
    before = [path.read_bytes() for path in paths]
    told = []
    done = write_stars(
        ranked(*paths), dry_run=True, tell=lambda sidecar, stars: told.append((sidecar.name, stars))
    )
    assert (done.count, told) == (2, [("a.jpg.xmp", 5), ("b.png.xmp", 5)]) and not [*tmp_path.glob("*.xmp")]
    assert write_stars(ranked(*paths)).count == 2
    assert [path.read_bytes() for path in paths] == before
    assert read_likes(str(tmp_path)).silent == {"stars that tasteprint wrote": 2}
    assert write_stars(ranked(*paths)).left == {"with these stars already": 2}
    assert write_stars(ranked(*paths, standing=0.1)).count == 2 and stars_in(tmp_path / "a.jpg.xmp") == "1"
    changed = (tmp_path / "a.jpg.xmp").read_bytes().replace(b'xmp:Rating="1"', b'xmp:Rating="2"')
    (tmp_path / "a.jpg.xmp").write_bytes(changed)  # a person's, from here on
    assert write_stars(ranked(*paths)).left == {"with a rating of a person": 1}
    assert (tmp_path / "a.jpg.xmp").read_bytes() == changed
    assert [one.stars for one in read_likes(str(tmp_path)).ratings] == [2]


@pytest.mark.parametrize("rating", ["3", "-1", "6", "2.5", "?"])
@pytest.mark.parametrize("where", ["inside", "a.jpg.xmp", "a.xmp"])
def test_never_over_what_a_person_gave(tmp_path, rating, where):
    said = packet(f'xmp:Rating="{rating}"')
    path = picture(tmp_path / "a.jpg", **({"xmp": said} if where == "inside" else {}))
    if where != "inside":
        (tmp_path / where).write_bytes(said)
    names = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert write_stars(ranked(path)).left == {"with a rating of a person": 1}
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == names


def test_what_the_person_said_here_counts_too(tmp_path):
    path = picture(tmp_path / "a.jpg")
    assert write_stars(ranked(path, said="liked")).left == {"of which you said something yourself": 1}
    assert not [*tmp_path.glob("*.xmp")]


def test_a_sidecar_keeps_the_rest_and_its_rights(tmp_path):
    path, sidecar = picture(tmp_path / "a.jpg"), tmp_path / "a.jpg.xmp"
    sidecar.write_bytes(DARKTABLE)
    sidecar.chmod(0o640)
    assert write_stars(ranked(path)).count == 1
    assert stat.S_IMODE(sidecar.stat().st_mode) == 0o640 and stars_in(sidecar) == "5"
    new = sidecar.read_bytes()
    assert new.replace(
        b' xmlns:tasteprint="urn:tasteprint:xmp/1.0/" tasteprint:Rating="5"', b""
    ) == DARKTABLE.replace(b'xmp:Rating="0"', b'xmp:Rating="5"')
    assert sorted(os.listdir(tmp_path)) == ["a.jpg", "a.jpg.xmp"]  # noqa: PTH208


@pytest.mark.parametrize("old", [b"no XML", packet().decode().encode("utf-16"), b"<!DOCTYPE x><x/>", b""])
def test_a_sidecar_that_is_not_understood_is_left(tmp_path, old):
    path, sidecar = picture(tmp_path / "a.jpg"), tmp_path / "a.jpg.xmp"
    sidecar.write_bytes(old)
    assert write_stars(ranked(path)).left == {"with a sidecar that cannot be read or changed safely": 1}
    assert sidecar.read_bytes() == old


def test_a_sidecar_that_may_be_two_pictures_own_is_not_written_to(tmp_path):
    paths = [picture(tmp_path / name) for name in ("a.jpg", "a.png")]
    (tmp_path / "a.xmp").write_bytes(packet())
    assert write_stars(ranked(*paths)).count == 2
    assert stars_in(tmp_path / "a.jpg.xmp") == stars_in(tmp_path / "a.png.xmp") == "5"
    assert (tmp_path / "a.xmp").read_bytes() == packet()
    single = picture(tmp_path / "b.jpg")
    (tmp_path / "b.xmp").write_bytes(packet())
    assert write_stars(ranked(single)).count == 1 and stars_in(tmp_path / "b.xmp") == "5"


def test_a_full_or_shut_folder_is_a_sentence_and_loses_nothing(tmp_path, monkeypatch):
    path, sidecar = picture(tmp_path / "a.jpg"), tmp_path / "a.jpg.xmp"
    sidecar.write_bytes(packet())

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(
        OSError, match=r"writing a.jpg.xmp .* failed \(No space left on device\); expected room"
    ):
        write_stars(ranked(path))
    assert sidecar.read_bytes() == packet() and sorted(os.listdir(tmp_path)) == ["a.jpg", "a.jpg.xmp"]  # noqa: PTH208


def test_a_name_too_long_for_a_sidecar_is_left(tmp_path):
    path = picture(tmp_path / f"{'x' * 240}.jpg")
    assert write_stars(ranked(path)).left == {"of a name too long for a sidecar": 1}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without pipes that have names")
def test_a_pipe_in_a_sidecars_place_is_not_waited_for(tmp_path):
    path = picture(tmp_path / "a.jpg")
    os.mkfifo(tmp_path / "a.jpg.xmp")
    assert write_stars(ranked(path)).left == {"with a sidecar that cannot be read or changed safely": 1}
    assert read_likes(str(tmp_path)).silent["sidecars that could not be read"] == 1


def test_where_it_cannot_be_seen_what_is_there_nothing_is_written(tmp_path, monkeypatch):
    """As in a folder that may be entered and not listed."""
    path = picture(tmp_path / "a.jpg")
    (tmp_path / "a.jpg.xmp").write_bytes(packet('xmp:Rating="3"'))
    monkeypatch.setattr("tasteprint.likes.star_writing.names_in", lambda folder: frozenset())
    assert write_stars(ranked(path)).left == {"with a sidecar that cannot be read or changed safely": 1}
    assert stars_in(tmp_path / "a.jpg.xmp") == "3"
