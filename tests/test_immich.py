"""Immich by its protocol, on a small server: pages, refusals, a redirect, and answers that never end."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from tasteprint.likes.immich import read_immich, read_server
from tasteprint.likes.kinds import read_likes
from tasteprint.likes.web import Server
from tests.photo_libraries import picture

KEY = "a1b2-c3d4"
IDS = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(9)]


def preview():
    file = BytesIO()
    Image.new("RGB", (8, 8), "red").save(file, "JPEG")
    return file.getvalue()


class Immich(BaseHTTPRequestHandler):
    """Answers as Immich does: two pictures a page, whatever size was asked for."""

    assets = ()
    answer = None
    asked = ()

    def do_POST(self):
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        type(self).asked = (*self.asked, question)
        if self.answer is not None:
            return self.answer()
        if self.headers["x-api-key"] != KEY:
            return self.send(401, {"message": "Invalid API key"})
        assert (
            self.path == "/api/search/metadata" and question["size"] == 1000 and question["type"] == "IMAGE"
        )
        if "rating" in question:
            fit = [one for one in self.assets if one["exifInfo"]["rating"] == question["rating"]]
        else:
            fit = [one for one in self.assets if one["isFavorite"]]
        page = question["page"]
        more = str(page + 1) if len(fit) > 2 * page else None
        return self.send(200, {"assets": {"items": fit[2 * page - 2 : 2 * page], "nextPage": more}})

    def do_GET(self):
        name = self.path.split("/")[3]
        found = self.path == f"/api/assets/{name}/thumbnail?size=preview" and name != IDS[5]
        self.send(200, preview()) if found else self.send(404, {"message": "Not found"})

    def send(self, status, answer, **headers):
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {"Content-Length": len(data), **headers}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        """Say nothing."""


@contextmanager
def serving(handler):
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def key(monkeypatch, tmp_path):
    monkeypatch.setenv("IMMICH_API_KEY", KEY)
    monkeypatch.setenv("TASTEPRINT_CACHE", str(tmp_path / "cache"))


def asset(number, path, favourite=False, rating=None):
    return {
        "id": IDS[number],
        "type": "IMAGE",
        "originalPath": path,
        "isFavorite": favourite,
        "exifInfo": {"rating": rating},
    }


def answering(answer):
    """A server that gives one answer to everything."""
    return type("Answering", (Immich,), {"answer": answer})


def test_favourites_and_stars_of_every_page(tmp_path):
    picture(tmp_path / "photos/a.jpg")
    assets = [
        asset(0, "/usr/src/app/upload/a.jpg", favourite=True, rating=5),  # once, by its stars
        asset(1, "/usr/src/app/upload/b.jpg", favourite=True),
        asset(2, "/usr/src/app/upload/c.jpg", favourite=True),
        asset(3, "/usr/src/app/upload/d.jpg", rating=5),
        asset(4, "/usr/src/app/upload/e.jpg", rating=5),
        asset(5, "/usr/src/app/upload/f.jpg", rating=1),  # which has no preview
        asset(6, "/usr/src/app/upload/g.jpg"),
        asset(7, "/usr/src/app/upload/h.jpg", favourite=True) | {"id": "../../../x"},
    ]
    handler = type("All", (Immich,), {"assets": assets})
    with serving(handler) as address:
        found = read_likes(f"immich:{address}/api/", [("/usr/src/app/upload", str(tmp_path / "photos"))])
        before = len(handler.asked)
        again = read_likes(f"immich:{address}", [("/usr/src/app/upload", str(tmp_path / "photos"))])
    told = {Path(one.image).stem: (one.stars, one.out_of) for one in found.ratings}
    assert told == {"a": (5, 5), IDS[1]: (2, 2), IDS[2]: (2, 2), IDS[3]: (5, 5), IDS[4]: (5, 5)}
    assert found.silent == {"ratings not understood": 1, "missing files": 1}
    assert [(question["page"], question.get("rating")) for question in handler.asked[:before]] == [
        (1, None), (2, None), (1, 1), (1, 2), (1, 3), (1, 4), (1, 5), (2, 5),
    ]  # fmt: skip
    assert again == found
    kept = {path for path in (tmp_path / "cache").rglob("*") if path.is_file()}
    assert {path.stem for path in kept} == set(IDS[1:5]) and all(
        path.read_bytes() == preview() for path in kept
    )


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda self: self.send(403, {}), r"refused the key \(status 403\)"),
        (lambda self: self.send(500, {}), "answered with status 500"),
        (lambda self: self.send(200, b"<html>"), "status 200 and no pictures"),
        (lambda self: self.send(200, b"[" * 100_000), "status 200 and no pictures"),
        (lambda self: self.send(200, {"assets": {"items": "all"}}), "an answer without pictures"),
        (lambda self: self.send(200, {"assets": []}), "an answer without pictures"),
        (lambda self: self.send(200, {}, **{"Content-Length": 1 << 30}), "could not be asked"),
        (lambda self: self.wfile.write(b"SSH-2.0\r\n"), "could not be asked"),
    ],
)
def test_other_answers_are_sentences(answer, reason):
    with serving(answering(answer)) as address, pytest.raises(OSError, match=reason) as fault:
        list(read_server(Server(address, {"x-api-key": KEY}, wait=20.0, limit=60.0), ()))
    assert KEY not in str(fault.value) and "; expected" in str(fault.value)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_the_key_goes_to_no_other_host(status):
    other = type("Other", (Immich,), {})
    with serving(other) as elsewhere:
        leads = answering(lambda self: self.send(status, b"", Location=f"{elsewhere}/api/search/metadata"))
        with serving(leads) as address, pytest.raises(OSError, match=f"answers that it is at '{elsewhere}"):
            list(read_immich(address, ()))
    assert other.asked == ()


def hang(self):
    self.server.stop.wait(20)


def drip(self):
    self.send_response(200)
    self.flush_headers()
    while not self.server.stop.wait(0.02):
        self.wfile.write(b"X-More: 1\r\n")


@pytest.mark.parametrize("answer", [hang, drip])
def test_nothing_is_waited_for_without_end(answer, monkeypatch):
    stop = threading.Event()
    monkeypatch.setattr(ThreadingHTTPServer, "stop", stop, raising=False)
    monkeypatch.setattr(ThreadingHTTPServer, "handle_error", lambda *_: None)
    try:
        with (
            serving(answering(answer)) as address,
            pytest.raises(OSError, match=r"no whole answer in 0\.[23] seconds"),
        ):
            list(read_server(Server(address, {}, wait=0.2, limit=0.3), ()))
    finally:
        stop.set()


def test_a_key_that_may_not_see_pictures(tmp_path):
    shut = type("Shut", (Immich,), {"assets": [asset(1, "/x/b.jpg", favourite=True)],
                                    "do_GET": lambda self: self.send(403, {})})  # fmt: skip
    with (
        serving(shut) as address,
        pytest.raises(OSError, match=r"refused the key .*the permission asset\.view"),
    ):
        read_likes(f"immich:{address}")


def test_pages_that_never_end_do(monkeypatch):
    monkeypatch.setattr("tasteprint.likes.immich.MOST_PAGES", 3)
    endless = answering(
        lambda self: self.send(200, {"assets": {"items": [{}], "nextPage": str(self.asked[-1]["page"] + 1)}})
    )
    with serving(endless) as address:
        assert read_likes(f"immich:{address}").silent == {"ratings not understood": 18}  # of six questions
        turning = answering(lambda self: self.send(200, {"assets": {"items": [{}], "nextPage": "1"}}))
        with serving(turning) as other:
            assert read_likes(f"immich:{other}").silent == {"ratings not understood": 6}


def test_no_key_and_no_address(monkeypatch):
    for wrong in (
        "file:///etc",
        "https://",
        "photos.example",
        "http://a:b",
        "http://me:word@photos.example",
        "http://[::1",
        "https://b\u00fccher.example",
        "https://a b.example",
    ):
        with pytest.raises(ValueError, match="is no address"):
            list(read_immich(wrong, ()))
    with pytest.raises(OSError, match="could not be asked"):
        list(read_server(Server("http://127.0.0.1:1", {}, wait=1.0), ()))
    for key in ("", "a\nb"):
        monkeypatch.setenv("IMMICH_API_KEY", key)
        with pytest.raises(ValueError, match="the environment has no key"):
            list(read_immich("http://127.0.0.1:1", ()))
