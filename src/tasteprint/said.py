"""Ground floor: what people said, as JSON and back, for the files of prints.

Enters: a user and opinions, or text of any origin. Leaves: text; the same, or one sentence. Does not know: files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from tasteprint.files import json_text
from tasteprint.types import Opinion, Passed, Rating, Vote


def said_as_json(user_id: object, opinions: Sequence[Opinion], **more: object) -> str:
    """Write a user's id, opinions and whatever else is plain as one line. ValueError for an id that JSON has no way of.

    Names that are no UTF-8 come back as they were: JSON escapes them.
    """
    rows = [asdict(opinion) for opinion in opinions]
    return json_text({"user": user_id, "opinions": rows, **more}, None, _plain)


def said_from_json(text: str, where: str) -> tuple[Any, tuple[Opinion, ...], Mapping[str, Any]]:
    """Read user, opinions and the rest. ValueError, naming `where` the text stands, for anything else."""
    try:
        said = json.loads(text)
        return said.pop("user"), tuple(_opinion(row) for row in said.pop("opinions")), said
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as fault:
        raise ValueError(f"{where} names no readable opinions; expected a file that `save` wrote.") from fault


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if hasattr(value, "item"):  # a number of numpy or torch
        return value.item()
    raise ValueError(f"{value!r} cannot be kept; expected a text or a number: convert it.")


def _opinion(row: dict[str, Any]) -> Opinion:
    for name in ("image", "image_0", "image_1"):
        if name in row and not isinstance(row[name], str):
            raise ValueError(f"{name} is {row[name]!r}")
    if "stars" in row:
        return Rating(**row)
    if "image" in row:
        return Passed(**row)
    created_at = row.pop("created_at")
    return Vote(created_at=None if created_at is None else datetime.fromisoformat(created_at), **row)
