"""What is said of a file beside the file itself; all of it can be left to the file.

Enters: nothing. Leaves: `Source`. Does not know: files.
"""

from __future__ import annotations

from tasteprint.checked import checked


@checked("source")
class Source:
    """How a log is written, where the file itself must not decide: nothing said means that it decides.

    `delimiter` separates the cells of a CSV, one character; `encoding` is a name that Python knows.
    """

    delimiter: str = ""
    encoding: str = ""


UNSAID = Source()
"""Nothing is said: the file decides."""
