"""A person's folders, files and patterns as one list of picture files.

Enters: folders, files, shell patterns, "-" for a list on standard input. Leaves: paths in a stable order, and how many
files were passed over, by reason. Does not know: what is in the files, embeddings, people.
"""

from __future__ import annotations

import glob
import os
import re
import stat
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tasteprint.data.signatures import PICTURE_SUFFIXES, SIDECAR_SUFFIXES

THUMBNAIL_FOLDERS = frozenset({"@eadir", "__macosx", "$recycle.bin", "#recycle", "lost+found"})
"""Folders in which file managers and network drives keep copies; the suffixes .lrdata and .cache are Lightroom's."""

_NUMBER = re.compile(r"(\d+)")


@dataclass(frozen=True)
class Found:
    """Picture files, each once, and how many other things were passed over.

    `paths` begin as their source was written (relative stays relative); sources in the order given, folders within a
    folder after its files, names in natural order (IMG_2 before IMG_10). `skipped`: reason to count, the most first; a
    reason is a suffix (".txt") or words ("hidden", "sidecars", "links that lead nowhere", "folders that could not be
    read", ...). Two files of the same content are two pictures; one file reached twice, by two sources or by a
    symbolic link, is one.
    """

    paths: tuple[Path, ...]
    skipped: Mapping[str, int]


def find_pictures(sources: Sequence[str | Path]) -> Found:
    """Find the pictures of folders (with all that is below), files, patterns, and "-", a list on standard input.

    Of a folder, and of what a pattern matches, files are taken whose name has a picture's suffix; hidden ones and
    thumbnails of file managers are not. A file that is named is taken whatever its suffix. A pattern is what is no file
    and holds `*`, `?` or `[`; `**` matches folders at any depth. The list has a name a line, or names ended by NUL
    (`find -print0`), folders as well; a name in it that is not there is kept, for its reading to say so. ValueError in
    one sentence for a source that is not there or is neither file nor folder, for a pattern that matches nothing,
    and when no picture is found at all.
    """
    search = _Search()
    for source in sources:
        search.take(os.fspath(source))
    skipped = dict(search.skipped.most_common())
    if not search.paths:
        raise ValueError(_nothing(sources, skipped))
    return Found(tuple(map(Path, search.paths)), skipped)


def skipped_in_words(skipped: Mapping[str, int]) -> str:
    """Say what was passed over, such as "12 .txt, 3 hidden"; "" for nothing."""
    return ", ".join(f"{count:,} {reason}" for reason, count in skipped.items())


@dataclass
class _Search:
    """What was found so far; a folder is entered once, so that links in circles end."""

    paths: list[str] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    entered: set[tuple[int, int]] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)

    def take(self, source: str) -> None:
        """Take a source as a person writes it."""
        if source == "-":
            for name in _listed(sys.stdin.buffer.read()):
                self._named(name) if os.path.lexists(name) else self._add(name)
        elif os.path.lexists(source):
            self._named(source)
        elif glob.has_magic(source):
            self._matches(source)
        else:
            raise ValueError(
                f"{source!r} is not there; expected a folder, a file, a pattern such as 'photos/*.jpg', or '-' for "
                "a list: check the spelling."
            )

    def _named(self, name: str) -> None:
        try:
            mode = os.stat(name).st_mode  # noqa: PTH116 - names that are not UTF-8 stay as they are
        except OSError as fault:
            raise ValueError(
                f"{name!r} could not be opened ({fault.strerror}); expected a folder or a file: name another."
            ) from fault
        if stat.S_ISDIR(mode):
            self._folder(name)
        elif stat.S_ISREG(mode):
            self._add(name)
        else:
            raise ValueError(f"{name!r} is neither a file nor a folder; expected one of them: name another.")

    def _matches(self, pattern: str) -> None:
        matches = sorted(_matching(pattern), key=_natural)
        if not matches:
            raise ValueError(
                f"nothing matches {pattern!r}; expected a pattern of files that are there: check the spelling."
            )
        for match in matches:
            if os.path.isdir(match):  # noqa: PTH112
                self._folder(match)
            elif os.path.isfile(match) and not self._passed_over(match.rpartition(os.sep)[2]):  # noqa: PTH113
                self._add(match)

    def _folder(self, top: str) -> None:
        folders = [top]
        while folders:
            folder = folders.pop()
            try:
                about = os.stat(folder)  # noqa: PTH116
                if (about.st_dev, about.st_ino) in self.entered:
                    self.skipped["folders met before"] += 1
                    continue
                self.entered.add((about.st_dev, about.st_ino))
                with os.scandir(folder) as entries:
                    inside = sorted(entries, key=lambda entry: _natural(entry.name))
            except OSError:
                self.skipped["folders that could not be read"] += 1
                continue
            home = os.path.join(os.path.realpath(folder), "")  # noqa: PTH118
            below = [entry.path for entry in inside if self._entry(entry, home)]
            folders += reversed(below)

    def _entry(self, entry: os.DirEntry[str], home: str) -> bool:
        """Take or pass over what stands in the folder whose real name is `home`; whether it is one to go into."""
        if entry.name.startswith("."):
            self.skipped["hidden"] += 1
            return False
        try:
            is_folder, is_file = entry.is_dir(), entry.is_file()
        except OSError:  # a link to itself
            is_folder = is_file = False
        if is_folder:
            return not self._thumbnails(entry.name)
        if not is_file:
            self.skipped[
                "links that lead nowhere" if entry.is_symlink() else "neither files nor folders"
            ] += 1
        elif not self._passed_over(entry.name):
            self._add(entry.path, None if entry.is_symlink() else home + entry.name)
        return False

    def _thumbnails(self, name: str) -> bool:
        if name.lower() in THUMBNAIL_FOLDERS or _suffix(name) == ".lrdata":
            self.skipped["folders of thumbnails"] += 1
            return True
        return False

    def _passed_over(self, name: str) -> bool:
        suffix = _suffix(name)
        if not name.startswith(".") and suffix in PICTURE_SUFFIXES:
            return False
        self.skipped[_reason(name, suffix)] += 1
        return True

    def _add(self, path: str, real: str | None = None) -> None:
        """Take a file once, by its real name; that is looked for where it is not given, which takes its time."""
        real = real or os.path.realpath(path)
        if real in self.taken:
            self.skipped["files met before"] += 1
        else:
            self.taken.add(real)
            self.paths.append(path)


def _matching(pattern: str) -> Iterator[str]:
    """What a pattern matches, hidden things only where it names them; `**` goes through no links, which may circle."""
    parts, top = Path(pattern).parts, Path(Path(pattern).anchor)
    try:
        for match in top.glob(str(Path(pattern).relative_to(top))):
            if not any(part.startswith(".") and part not in parts for part in match.parts):
                yield str(match)
    except (ValueError, NotImplementedError) as fault:
        raise ValueError(
            f"{pattern!r} is no pattern ({fault}); expected one such as 'photos/**/*.jpg': write it so."
        ) from fault


def _natural(name: str) -> tuple[list[str | int], str]:
    """Sort by numbers where names have numbers; the name itself breaks ties ("1" and "01")."""
    parts: list[str | int] = [*_NUMBER.split(name.casefold())]
    parts[1::2] = map(int, parts[1::2])
    return parts, name


def _suffix(name: str) -> str:
    dot = name.rfind(".")
    return name[dot:].lower() if dot > 0 else ""


def _reason(name: str, suffix: str) -> str:
    if name.startswith("."):
        return "hidden"
    if suffix in SIDECAR_SUFFIXES:
        return "sidecars"
    return suffix or "without a suffix"


def _listed(data: bytes) -> Iterator[str]:
    ended = b"\0" if b"\0" in data else b"\n"
    for name in data.split(ended):
        if name := name if ended == b"\0" else name.removesuffix(b"\r"):
            yield os.fsdecode(name)


def _nothing(sources: Sequence[str | Path], skipped: Mapping[str, int]) -> str:
    named = ", ".join(repr(os.fspath(source)) for source in sources) or "no source"
    inside = f": {skipped_in_words(skipped)}" if skipped else ", nor anything else"
    return f"{named} holds no pictures{inside}; expected .jpg, .heic, .png or the like: name another folder."
