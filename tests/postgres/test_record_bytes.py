"""Records taken apart: what is kept of those before changes nothing."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from liteorm.postgres._types.records import Lengths, record_array_reader, types_in_records

# Few types and lengths, so that records of one length often differ inside.
FIELDS = st.tuples(st.sampled_from([23, 25]), st.none() | st.binary(max_size=3))
RECORDS = st.lists(st.none() | st.lists(FIELDS, max_size=3), max_size=12)
ALIKE = st.lists(st.tuples(st.binary(max_size=2), st.binary(max_size=2)), max_size=12).map(
    lambda pairs: [[(23, one), (25, other)] for one, other in pairs]
)


def sized(data: bytes | None) -> bytes:
    """Return bytes with their length in front."""
    return b"\xff\xff\xff\xff" if data is None else struct.pack("!i", len(data)) + data


def array_of(records: list[Any]) -> bytes:
    """Return an array of records, as the server sends it."""
    if not records:
        return struct.pack("!iiI", 0, 0, 2249)
    bodies = [
        None
        if fields is None
        else struct.pack("!i", len(fields))
        + b"".join(struct.pack("!I", oid) + sized(data) for oid, data in fields)
        for fields in records
    ]
    head = struct.pack("!iiIii", 1, 1, 2249, len(records), 1)
    return head + b"".join(map(sized, bodies))


def values_for(oids: tuple[int, ...]) -> Callable[[Any], tuple[Any, ...]]:
    """Return what loads fields: as they are."""
    return tuple


@given(st.lists(RECORDS | ALIKE, max_size=6))
@settings(max_examples=300, deadline=None)
def test_records_are_taken_apart_as_they_are_after_any_others(arrays: list[Any]) -> None:
    """The lengths, types and NULLs that others had are never taken for a record's own."""
    read = record_array_reader(values_for, deep=True)
    lengths: Lengths = {}
    found: set[int] = set()
    met: set[int] = set()
    for records in (*arrays, *arrays):
        data = array_of(records)
        made = [None if record is None else record.values for record in read(data)]
        assert made == [
            None if fields is None else tuple(raw for _, raw in fields) for fields in records
        ]
        types_in_records(data, found, lengths, array=True)
        met.update(oid for fields in records for oid, _ in fields or ())
        assert found == met


@given(ALIKE, st.integers(min_value=0))
@settings(max_examples=300, deadline=None)
def test_records_cut_off_are_told_as_without_others(records: list[Any], place: int) -> None:
    """What ends too early is the same for one who has read such records before."""
    data = array_of(records)
    cut = data[: place % len(data)]
    read = record_array_reader(values_for, deep=False)
    found: set[int] = set()
    lengths: Lengths = {}

    def typed(data: bytes) -> None:
        types_in_records(data, found, lengths, array=True)

    for _ in range(3):
        read(data)
        typed(data)
    fresh = record_array_reader(values_for, deep=False)
    assert outcome(read, cut) == outcome(fresh, cut)
    assert outcome(typed, cut) == outcome(
        lambda cut: types_in_records(cut, set(), {}, array=True), cut
    )


def outcome(read: Callable[[bytes], Any], data: bytes) -> Any:
    """Return what a reader gives, or the class of what it raises."""
    try:
        return read(data)
    except struct.error as error:
        return type(error)
