"""What is said of a file beside the file itself; all of it can be left to the file.

Enters: nothing. Leaves: `Source`. Does not know: files.
"""

from __future__ import annotations

from tasteprint.checked import checked


@checked("source")
class Source:
    """How a log is written, where the file itself must not decide: nothing said means that it decides.

    `delimiter` separates the cells of a CSV, one character; `encoding` is a name that Python knows. Of an SQLite
    database `table` is read, or what the SELECT `query` gives.
    """

    delimiter: str = ""
    encoding: str = ""
    table: str = ""
    query: str = ""

    def __post_init__(self) -> None:
        """Refuse what no file can be read by."""
        if len(self.delimiter) > 1 or self.delimiter in ('"', "\r", "\n"):
            raise ValueError(
                f"delimiter is {self.delimiter!r}; expected one character, no quote or line end: correct [source]."
            )
        if self.table and self.query:
            raise ValueError("both table and query are given; expected one: leave out the other.")


UNSAID = Source()
"""Nothing is said: the file decides."""
