"""Many files read at once, where each may crash its process or never come back at its own cost.

Enters: requests, in any number. Leaves: a reading each, the first done first. Does not know: what is in a picture,
encoders.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from itertools import chain, islice
from queue import Empty, SimpleQueue
from threading import Thread

from tasteprint.library.reader_process import ReaderProcess
from tasteprint.library.reading import Reading, ReadRequest, read_picture

PATIENCE = 60.0
"""Seconds after which a file is given up, such as one on a network drive that no longer answers."""

GIVEN_UP = 4
"""So many files given up and none read in between: the drive is gone, the rest is not tried."""

AHEAD = 128
"""Files asked for and not yet taken: two batches of an encoder, so that neither side waits for the other."""


def read_pictures(
    requests: Iterable[ReadRequest], processes: int, patience: float = PATIENCE
) -> Generator[tuple[ReadRequest, Reading], None, None]:
    """Read files by so many processes, 0 for this one alone; each request comes back once, with its reading.

    At most `AHEAD` readings are held. A file that ends its process, or is not read in `patience` seconds, gets a
    reading whose `fault` says so; after `GIVEN_UP` of the late in a row, all that are left do. The processes end with
    the iterator, and by themselves when this process is killed.
    """
    readers = _Readers(processes, patience)
    try:
        yield from readers.read(iter(requests))
    finally:
        readers.end()


class _Readers:
    """Threads that wait for a process each, while this one computes; none of them is waited for without end."""

    def __init__(self, processes: int, patience: float) -> None:
        self.way, self.patience = ReaderProcess if processes else _ThisProcess, patience
        self.asked: SimpleQueue[ReadRequest | None] = SimpleQueue()
        self.done: SimpleQueue[tuple[_Reader, ReadRequest, Reading]] = SimpleQueue()
        self.open: dict[int, ReadRequest] = {}
        self.readers: list[_Reader] = []
        self.late_in_a_row = 0
        for _ in range(max(processes, 1)):
            self.hire()

    def read(self, requests: Iterator[ReadRequest]) -> Iterator[tuple[ReadRequest, Reading]]:
        """Keep `AHEAD` requests open until all are answered or the drive is gone."""
        self.ask(requests)
        while self.open and self.late_in_a_row < GIVEN_UP:
            with suppress(Empty):
                reader, request, reading = self.done.get(timeout=min(1.0, self.patience / 4))
                if request is not reader.given_up:
                    self.late_in_a_row = 0
                    yield self.open.pop(request.place), reading
            for request in self.give_up():
                late = f"did not come back within {self.patience:g} seconds; expected a drive that answers"
                yield request, Reading(fault=f"{request.path!r} {late}: try it again.")
            self.ask(requests)
        for request in chain(list(self.open.values()), requests):
            gone = "was not tried, since the drive stopped answering; expected a drive that answers"
            yield request, Reading(fault=f"{request.path!r} {gone}: try it again.")

    def ask(self, requests: Iterator[ReadRequest]) -> None:
        """Fill up what is open."""
        for request in islice(requests, AHEAD - len(self.open)):
            self.open[request.place] = request
            self.asked.put(request)

    def give_up(self) -> Iterator[ReadRequest]:
        """Leave late readers to themselves, and hire others in their place."""
        for reader in list(self.readers):
            request, since = reader.busy
            if request and request is not reader.given_up and time.monotonic() - since > self.patience:
                reader.given_up = request
                reader.way.kill()
                self.late_in_a_row += 1
                self.hire()
                yield self.open.pop(request.place)

    def hire(self) -> None:
        """Begin one more thread."""
        self.readers.append(_Reader(self.way(), self.asked, self.done))
        self.readers[-1].start()

    def end(self) -> None:
        """Let all go; a thread that waits for a drive stays behind, and ends with the process."""
        for _ in self.readers:
            self.asked.put(None)
        for reader in self.readers:
            reader.leaves = True
            reader.way.kill()
        for reader in self.readers:
            reader.join(0.0 if reader.given_up else 1.0)


class _Reader(Thread):
    """Takes the next request, has it read, hands the reading over."""

    def __init__(
        self,
        way: ReaderProcess | _ThisProcess,
        asked: SimpleQueue[ReadRequest | None],
        done: SimpleQueue[tuple[_Reader, ReadRequest, Reading]],
    ) -> None:
        super().__init__(daemon=True)
        self.way, self.asked, self.done = way, asked, done
        self.busy: tuple[ReadRequest | None, float] = (None, 0.0)
        self.given_up: ReadRequest | None = None
        self.leaves = False

    def run(self) -> None:
        """Work until there is nothing to do, or this thread was given up."""
        while not (self.leaves or self.given_up) and (request := self.asked.get()):
            self.way.start()
            self.busy = (request, time.monotonic())
            reading = self.way.read(request)
            self.busy = (None, 0.0)
            self.done.put((self, request, reading))
        self.way.close()


class _ThisProcess:
    """Reads without a process of its own: for a few files, which would be read before one had started."""

    def start(self) -> None:
        """Be ready: it is."""

    def read(self, request: ReadRequest) -> Reading:
        """Read one file."""
        return read_picture(request)

    def kill(self) -> None:
        """Leave it: a thread cannot be ended from outside."""

    def close(self) -> None:
        """Leave nothing behind: there is nothing."""
