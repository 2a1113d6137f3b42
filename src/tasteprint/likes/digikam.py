"""digiKam: stars and pick labels of its database (digikam4.db).

Enters: a database's path. Leaves: items. Does not know: how a database is opened while digiKam runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from tasteprint.data.foreign_database import open_database
from tasteprint.likes.found import Item, liked, rated
from tasteprint.likes.places import Moved, within

QUERY = """
SELECT CASE WHEN info.rating = -1 THEN NULL ELSE info.rating END,
  (SELECT max(tag.name) FROM ImageTags AS given JOIN Tags AS tag ON tag.id = given.tagid
   WHERE given.imageid = image.id AND tag.name IN ('Pick Label Rejected', 'Pick Label Accepted')
     AND tag.pid IN (SELECT id FROM Tags WHERE name = '_Digikam_Internal_Tags_')),
  root.identifier, root.specificPath, album.relativePath, image.name
FROM Images AS image
JOIN Albums AS album ON album.id = image.album
JOIN AlbumRoots AS root ON root.id = album.albumRoot
LEFT JOIN ImageInformation AS info ON info.imageid = image.id
WHERE image.status = 1
ORDER BY image.id
"""
"""Pictures that are there (status 1). −1 means no rating in this database, and not rejected as it does in XMP."""


def read_digikam(place: str, moved: Moved) -> Iterator[Item]:
    """Read every picture: rejected, else its stars, else the label "accepted" as a like; errors of `open_database`."""
    path = Path(place, "digikam4.db") if Path(place).is_dir() else Path(place)
    with open_database(path, "digiKam database") as database:
        for rating, label, identifier, specific, album, name in database.execute(QUERY):
            root = f"{_volume(str(identifier))}/{specific or ''}"
            file = within(root, [str(album or "").lstrip("/"), str(name)], moved)
            item = rated(file, -1 if label == "Pick Label Rejected" else rating)
            yield liked(file) if label == "Pick Label Accepted" and not rating else item


def _volume(identifier: str) -> str:
    """The folder that an album root names: `volumeid:?path=…`, `networkshareid:?mountpath=…`.

    A volume of which only the UUID is known counts as mounted at the root; another place is said as moved.
    """
    for part in identifier.partition("?")[2].split("&"):
        name, _, value = part.partition("=")
        if name in ("path", "mountpath"):
            return unquote(value, errors="surrogateescape").rstrip("/")
    return ""
