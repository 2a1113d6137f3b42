"""A Hub that is silent, away or shut: one sentence, soon; and what is here already serves without it."""

import http.server
import json
import socket
import threading
import time
from contextlib import suppress

import pytest
from huggingface_hub import constants

from tasteprint import hub
from tasteprint.hub import find_model, local_folder


@pytest.fixture
def online(monkeypatch, tmp_path):
    """The Hub's client as it is without HF_HUB_OFFLINE, at an address that the test gives, with an empty cache."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "PATIENCE", 0.5)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    return lambda address: monkeypatch.setattr(constants, "ENDPOINT", address)


@pytest.fixture
def silent():
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def trickling():
    """A server that sends a byte every tenth of a second, for ever: each read is answered in time."""
    stop = threading.Event()

    def serve():
        client, _ = server.accept()
        with client, suppress(OSError):
            while not stop.wait(0.1):
                client.send(b"H")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        stop.set()
        thread.join()


@pytest.fixture
def answering():
    """A server that says of every repository what the test puts into its `said`: a status and an error's name."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            status, code = server.said
            self.send_response(status)
            self.send_header("X-Error-Code", code)
            self.end_headers()
            self.wfile.write(json.dumps({"error": code}).encode())

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *said):
            """Keep quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def refused(name):
    with pytest.raises(ValueError) as fault:
        find_model(name)
    said = str(fault.value)
    assert (
        said.startswith(f"model {name!r} could not be opened (") and said.endswith(".") and "\n" not in said
    )
    assert "to work offline, fetch it where there is a network" in said and "mini-posterior" in said
    return said


def test_a_silent_hub_is_waited_for_no_longer_than_is_said(online, silent):
    online(silent)
    begun = time.monotonic()
    assert "no copy is on this machine" in refused("foo/bar")
    assert time.monotonic() - begun < 5


def test_a_trickling_hub_is_waited_for_no_longer(online, trickling):
    online(trickling)
    begun = time.monotonic()
    assert "did not answer within 0.5 seconds" in refused("foo/bar")
    assert time.monotonic() - begun < 5


def test_a_host_that_does_not_exist_is_named(online):
    online("http://hub.invalid")
    assert "http://hub.invalid" in refused("foo/bar")


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (404, "RepoNotFound", "has no repository of that name that you may see"),
        (403, "GatedRepo", "ask for a licence to be accepted first"),
        (500, "", "refused"),
    ],
)
def test_what_the_hub_says_is_told(online, answering, status, code, words):
    answering.said = status, code
    online(f"http://127.0.0.1:{answering.server_address[1]}")
    assert words in refused("foo/bar")


def test_without_a_hub_nothing_is_waited_for():
    assert "HF_HUB_OFFLINE" in refused("foo/bar")


@pytest.mark.parametrize("name", ["minni", "a b/c", "../up/and/down", "x" * 200, "", "foo/bar\udcff"])
def test_what_can_be_no_repository_is_said(name):
    refused(name)


def test_a_copy_that_is_here_serves_where_the_hub_is_silent(online, silent, tmp_path):
    online(silent)
    commit = "0" * 40
    kept = tmp_path / "cache/models--foo--bar"
    (kept / "refs").mkdir(parents=True)
    (kept / "refs/main").write_text(commit)
    (kept / "snapshots" / commit).mkdir(parents=True)
    (kept / "snapshots" / commit / "tasteprint.json").write_text("{}")
    assert local_folder("foo/bar", "model", "a folder") == kept / "snapshots" / commit
