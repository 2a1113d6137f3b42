"""Asking one server, and no other, in time that is limited.

Enters: the address that a person names, a key. Leaves: answers as bytes. Does not know: what is asked.
No redirect is followed, so that a key never reaches another host.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from contextlib import closing, suppress
from threading import Event, Timer
from urllib.parse import urlsplit

from tasteprint.library.names import plain

WAIT, LIMIT = 15.0, 120.0
"""Seconds for each answer of the network, and for all of an answer, however slowly it drips."""

MOST = 64 << 20
"""Bytes of an answer."""


class Server:
    """One server, by its address: http:// or https://, a host, perhaps a port and a path. ValueError for another."""

    def __init__(
        self, address: str, headers: Mapping[str, str], wait: float = WAIT, limit: float = LIMIT
    ) -> None:
        try:
            parts, port = urlsplit(address), urlsplit(address).port
        except ValueError:  # a port or an IPv6 address that is none
            parts, port = urlsplit(""), None
        plainly = address.isascii() and address.isprintable() and " " not in address and not parts.username
        if parts.scheme not in ("http", "https") or not parts.hostname or not plainly:
            raise ValueError(
                f"server {address!r} is no address; expected one such as https://photos.example.org: correct it."
            )
        self.address, self.host, self.port = address, parts.hostname, port
        self.secure, self.base = parts.scheme == "https", parts.path.rstrip("/")
        self.headers, self.wait, self.limit = dict(headers), wait, limit

    def ask(self, method: str, path: str, question: object = None) -> tuple[int, bytes]:
        """Send a question, as JSON, and give the status and the answer of a server that can be reached.

        OSError in one sentence where it cannot be, hangs, drips, sends too much, or points to another address.
        """
        connection = self._connection()
        late = Event()
        timer = Timer(self.limit, _hang_up, [connection, late])
        timer.daemon = True
        with closing(connection):
            try:
                timer.start()
                status, answer, elsewhere = self._asked(connection, method, path, question)
            except (OSError, http.client.HTTPException) as fault:
                raise self._fault(late, fault) from fault
            finally:
                timer.cancel()
        if late.is_set():
            raise self._fault(late, None)
        if elsewhere:
            raise OSError(
                f"server {self.address} answers that it is at {elsewhere[:200]!r}; expected no other address: name "
                "that one if you trust it."
            )
        return status, answer

    def _connection(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self.secure else http.client.HTTPConnection
        return kind(self.host, self.port, timeout=self.wait)

    def _asked(
        self, connection: http.client.HTTPConnection, method: str, path: str, question: object
    ) -> tuple[int, bytes, str]:
        body = None if question is None else json.dumps(question, allow_nan=False).encode()
        headers = self.headers | ({} if body is None else {"Content-Type": "application/json"})
        connection.request(method, self.base + path, body, headers)
        with connection.getresponse() as answer:
            if 300 <= answer.status < 400:
                return answer.status, b"", answer.getheader("Location") or "another address"
            data = answer.read(MOST + 1)
            if len(data) > MOST:
                raise OSError(f"an answer of more than {MOST:,} bytes")
            if answer.length:
                raise OSError("an answer that was cut off")
            return answer.status, data, ""

    def _fault(self, late: Event, fault: Exception | None) -> OSError:
        hangs = late.is_set() or isinstance(fault, TimeoutError)
        lasted = self.limit if late.is_set() else self.wait
        reason = f"no whole answer in {lasted:g} seconds" if hangs else plain(str(fault)[:200])
        return OSError(
            f"server {self.address} could not be asked ({reason}); expected one that can be reached: check the address "
            "and the network."
        )


def _hang_up(connection: http.client.HTTPConnection, late: Event) -> None:
    late.set()
    if connection.sock is not None:
        with suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)
