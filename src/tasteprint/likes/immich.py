"""Immich: favourites and stars of a server, by its API.

Enters: a server's address, the key in IMMICH_API_KEY. Leaves: items; previews of pictures that are not here.
Does not know: how a server is asked.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tasteprint.data.signatures import HEAD, format_of
from tasteprint.files import write_bytes
from tasteprint.library.store import cache_folder
from tasteprint.likes.found import MISSING, ODD, STARS, Item, liked, rated
from tasteprint.likes.places import Moved, here
from tasteprint.likes.web import Server

KEY = "IMMICH_API_KEY"
SIZE, MOST_PAGES = 1000, 1000
"""Pictures a page (Immich gives no more), and pages of a question."""

QUESTIONS: tuple[dict[str, Any], ...] = (
    {"isFavorite": True},
    *({"rating": stars} for stars in range(1, STARS + 1)),
)

SUFFIXES = {"JPEG": ".jpg", "WEBP": ".webp", "PNG": ".png"}
"""Of previews."""

_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

Asset = dict[str, Any]


def read_immich(place: str, moved: Moved) -> Iterator[Item]:
    """Read what is a favourite or has stars; a picture's stars count before its heart. Others are not asked for.

    Where a picture is not where the server has it, or was said to be here, its preview is fetched into the cache. The
    server named is the only one asked. ValueError without a key; OSError for a server that refuses, or cannot be asked.
    """
    key = os.environ.get(KEY, "")
    if not key or not key.isascii() or not key.isprintable():
        raise ValueError(
            f"the environment has no key of Immich; expected {KEY}: make one in Immich's settings of your account, "
            "with the permissions asset.read and asset.view."
        )
    yield from read_server(Server(place.removesuffix("/").removesuffix("/api"), {"x-api-key": key}), moved)


def read_server(server: Server, moved: Moved) -> Iterator[Item]:
    """Read what the server has; see `read_immich`."""
    seen: set[str] = set()
    for question in QUESTIONS:
        for asset in _assets(server, question):
            name = asset.get("id")
            if not isinstance(name, str) or not _ID.fullmatch(name):
                yield Item(silent=ODD)
            elif name not in seen:
                seen.add(name)
                yield _item(server, name, asset, question.get("rating", 0), moved)


def _assets(server: Server, question: dict[str, Any]) -> Iterator[Asset]:
    """What fits a question, a page at a time."""
    for page in range(1, MOST_PAGES + 1):
        asked = question | {"type": "IMAGE", "withExif": True, "size": SIZE, "page": page}
        found = _answered(server, "POST", "/api/search/metadata", asked)
        items = found["assets"].get("items") if isinstance(found.get("assets"), dict) else None
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise OSError(
                f"server {server.address} gave an answer without pictures; expected one of Immich: check the address."
            )
        yield from items
        if not items or str(found["assets"].get("nextPage")) != str(page + 1):
            return


def _answered(server: Server, method: str, path: str, question: object) -> Asset:
    status, data = server.ask(method, path, question)
    _require_allowed(server, status, "asset.read")
    try:
        answer = json.loads(data) if status < 300 else None
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise OSError(
            f"server {server.address} answered with status {status} and no pictures; expected one of Immich: check the "
            "address, and that the server runs."
        )
    return answer


def _require_allowed(server: Server, status: int, permission: str) -> None:
    if status in (401, 403):
        raise OSError(
            f"server {server.address} refused the key (status {status}); expected one with the permission "
            f"{permission}: set {KEY}."
        )


def _item(server: Server, name: str, asset: Asset, asked: int, moved: Moved) -> Item:
    about = asset.get("exifInfo")
    stars = (about.get("rating") if isinstance(about, dict) else None) or asked
    path = here(str(asset.get("originalPath") or ""), moved)
    if not os.path.isfile(path):  # noqa: PTH113 - of any length and letters
        fetched = _preview(server, name)
        if fetched is None:
            return Item(silent=MISSING)
        path = fetched
    return rated(path, stars) if stars else liked(path)


def _preview(server: Server, name: str) -> Path | None:
    """The preview of a picture, kept from the last time or fetched; None where there is none."""
    folder = cache_folder() / "immich" / hashlib.sha256(server.address.encode()).hexdigest()[:16]
    kept = next(
        (folder / f"{name}{end}" for end in SUFFIXES.values() if (folder / f"{name}{end}").is_file()), None
    )
    if kept is not None:
        return kept
    status, data = server.ask("GET", f"/api/assets/{name}/thumbnail?size=preview")
    _require_allowed(server, status, "asset.view")
    suffix = SUFFIXES.get(format_of(data[:HEAD]) or "")
    if status != 200 or suffix is None:
        return None
    write_bytes(folder / f"{name}{suffix}", data)
    return folder / f"{name}{suffix}"
