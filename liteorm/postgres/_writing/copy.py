"""Many objects without I/O: COPY data, arrays, and which object the server's error was about.

The generated loop checks the class of each value and hands rows of checked values to psycopg's
compiled formatter. It keeps no count and names nothing: when a value does not fit, the few objects
of the chunk at hand are gone through again, slowly, and the first one that does not fit is named.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, Final

from psycopg.adapt import AdaptersMap, Transformer
from psycopg.pq import Format

from liteorm.errors import DataError
from liteorm.postgres._driver import format_row_binary, format_row_text
from liteorm.postgres._types.dumpers import Bound
from liteorm.postgres._types.forms import TEXT_OID, Unsendable
from liteorm.postgres._writing.targets import Target

_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER: Final = b"\xff\xff"

FIRST_CHUNK: Final = 16
_MOST_OBJECTS: Final = 512
_BUFFER: Final = 64 * 1024
"""Bytes gathered before they are sent. psycopg splits what is larger than 128 KiB."""

ABANDONED: Final = b"the rows could not be read or encoded"
"""Tells the server that no more rows come. A user's own exception may quote values."""


class CopyData:
    """Objects in, COPY data out, in batches.

    Args:
        target: Where the objects go.
        adapters: The pool's map.
    """

    def __init__(self, target: Target, adapters: AdaptersMap) -> None:
        self.target = target
        self.binary = target.binary
        self.rows = 0
        self._sent_bytes = 0
        self._transformer = Transformer(adapters)
        self._transformer.set_dumper_types(
            target.dumpers, Format.BINARY if self.binary else Format.TEXT
        )
        self._pack = format_row_binary if self.binary else format_row_text
        self._compiled = target.compiled
        self._encode = target.trusting
        self._buffer = bytearray(_SIGNATURE if self.binary else b"")

    @property
    def wanted(self) -> int:
        """How many objects to give next: about a buffer's worth."""
        if not self.rows:
            return FIRST_CHUNK
        size = (self._sent_bytes + len(self._buffer)) // self.rows + 1
        return max(1, min(_MOST_OBJECTS, _BUFFER // size))

    def add(self, objects: Sequence[Any]) -> None:
        """Encode some objects.

        Raises:
            DataError: One does not fit; it is named.
        """
        listed = objects if isinstance(objects, list) else list(objects)
        # Whether each is of the class itself the encoder sees for less.
        if self._compiled is not None and self._compiled(listed, self._buffer, True):
            self.rows += len(listed)
            return
        self.target.check_classes(objects, self.rows)
        if self._compiled is not None and self._compiled(listed, self._buffer):
            self.rows += len(listed)
            return
        before = len(self._buffer)
        if self._encode is not self.target.careful:
            try:
                self._encode(objects, self._pack, self._transformer, self._buffer)
            except Exception:
                # Perhaps a subclass of str, or an enum member where none was announced. What it
                # said is not to be chained to what the second attempt says.
                self._encode = self.target.careful
                del self._buffer[before:]
            else:
                self.rows += len(objects)
                return
        try:
            self._encode(objects, self._pack, self._transformer, self._buffer)
        except Exception as exc:
            self.target.blame(objects, self.rows, exc)
            raise
        self.rows += len(objects)

    def batch(self) -> bytearray | None:
        """Return what is to be sent now, None if there is not enough yet."""
        return self._taken() if len(self._buffer) >= _BUFFER else None

    def last(self) -> bytearray:
        """Return the rest."""
        if self.binary:
            self._buffer += _TRAILER
        return self._taken()

    def _taken(self) -> bytearray:
        taken, self._buffer = self._buffer, bytearray()
        self._sent_bytes += len(taken)
        return taken


def is_abandoned(error: Exception) -> bool:
    """Return whether the server only says back that the COPY was broken off from here."""
    diag = getattr(error, "diag", None)
    return diag is not None and ABANDONED.decode() in (diag.message_primary or "")


def is_second_time(error: BaseException | None) -> bool:
    """Return whether the statement itself met the same row twice: a trigger may say so as well."""
    diag = getattr(error, "diag", None)
    if diag is None or diag.sqlstate != "21000" or diag.context:
        return False
    # Names of functions of the server are the same in every language.
    return diag.source_function in ("ExecOnConflictUpdate", "ExecMergeMatched", "ExecMerge")


class Refused(Exception):
    """The server has ended the COPY; its error is still to be read."""


class Objection:
    """Notices that the server has refused a row while more are still being sent.

    libpq says so only when all rows have been sent, which with a million more is late, and with an
    endless iterable never. In a COPY the server sends nothing but notices and its one error. What
    is there to be read and does not turn out to be a notice, also not after a while, is the error.

    Args:
        wire: The connection (`pgconn`, `spoken_to`, `add_notice_handler`).
    """

    PATIENCE = 0.2

    def __init__(self, wire: Any) -> None:
        self._wire = wire
        self._notices = 0
        self._since: float | None = None
        wire.add_notice_handler(self._noticed)

    def close(self) -> None:
        """Stop listening."""
        self._wire.remove_notice_handler(self._noticed)

    def _noticed(self, diagnostic: Any) -> None:
        self._notices += 1
        self._since = None

    def raised(self, now: float) -> bool:
        """Return whether the server has refused."""
        if self._wire.spoken_to:
            heard = self._notices
            self._wire.pgconn.consume_input()
            self._wire.pgconn.is_busy()  # lets libpq hand out the notices
            if self._notices == heard and self._since is None:
                self._since = now
        return self._since is not None and now - self._since >= self.PATIENCE


def array_parameters(
    target: Target, adapters: AdaptersMap, objects: Sequence[Any], start: int
) -> list[Bound]:
    """Return one array for each column, as the server reads them.

    The elements of an array look in binary just as the fields of a COPY row do, so that the same
    compiled formatter packs a whole column.

    Raises:
        DataError: One object does not fit; it is named, counted from `start`.
    """
    kinds = [
        (TEXT_OID, TEXT_OID)
        if column.array[1]
        else (column.encoder.dumper, column.encoder.pgtype.oid)
        for column in target.columns
    ]
    try:
        target.check_classes(objects, start)
        size = len(target.model.fields)
        if target.model.cls is dict and any(len(obj) != size for obj in objects):
            target.blame(objects, start, Unsendable())
        columns = zip(*map(target.array_values, objects), strict=True)
        return [
            _array(values, dumper, element, adapters)
            for values, (dumper, element) in zip(columns, kinds, strict=True)
        ]
    except DataError:
        raise
    except Exception as exc:
        target.blame(objects, start, exc)
        raise


def _array(values: Sequence[Any], dumper: int, element: int, adapters: AdaptersMap) -> Bound:
    transformer = Transformer(adapters)
    transformer.set_dumper_types([dumper] * len(values), Format.BINARY)
    packed = bytearray()
    format_row_binary(values, transformer, packed)
    # One dimension, NULLs allowed, counted from 1; then the elements, without the row's own head.
    head = struct.pack("!iiIii", 1, 1, element, len(values), 1)
    return Bound(0, head + bytes(packed[2:]))
