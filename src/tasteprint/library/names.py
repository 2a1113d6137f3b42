"""File names as people see and follow them, whatever bytes they hold.

Enters: a path. Leaves: text on one line; an address for a page. Does not know: pages, terminals.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote


def plain(text: object) -> str:
    """Text that prints on one line as it is: what a terminal would obey, or cannot show, as an escape such as \\n."""
    whole = os.fsencode(str(text)).decode("utf-8", "backslashreplace")
    shown = (
        letter if letter.isprintable() or letter == "\N{ZERO WIDTH JOINER}" else ascii(letter)[1:-1]
        for letter in whole
    )
    return "".join(shown)


def address(path: Path, folder: Path) -> str:
    """The address of a file on a page in `folder`: relative where it is below, so that both can move; else file://."""
    whole, home = Path(os.path.abspath(path)), Path(os.path.abspath(folder))  # noqa: PTH100 - links stay links
    if whole.is_relative_to(home):
        return quote(os.fsencode(whole.relative_to(home).as_posix()))
    return whole.as_uri()
