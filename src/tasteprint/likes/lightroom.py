"""Lightroom Classic: stars, flags and rejects of a catalog (.lrcat).

Enters: a catalog's path. Leaves: items. Does not know: how a database is opened while Lightroom runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tasteprint.data.foreign_database import open_database
from tasteprint.likes.found import Item, liked, rated
from tasteprint.likes.places import Moved, within

QUERY = """
SELECT image.rating, image.pick, root.absolutePath, folder.pathFromRoot, file.idx_filename
FROM Adobe_images AS image
JOIN AgLibraryFile AS file ON file.id_local = image.rootFile
JOIN AgLibraryFolder AS folder ON folder.id_local = file.folder
JOIN AgLibraryRootFolder AS root ON root.id_local = folder.rootFolder
ORDER BY image.id_local
"""


def read_lightroom(place: str, moved: Moved) -> Iterator[Item]:
    """Read every picture of a catalog, virtual copies too: rejected, else its stars, else a flag as a like.

    ValueError as for `open_database`.
    """
    with open_database(Path(place), "Lightroom catalog") as catalog:
        for rating, pick, root, *parts in catalog.execute(QUERY):
            path = within(str(root), [str(part or "") for part in parts], moved)
            item = rated(path, -1 if pick == -1 else rating)
            yield liked(path) if pick == 1 and not rating else item
