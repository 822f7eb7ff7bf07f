"""Give the readers bytes with something wrong in them, for a bounded time.

    python native/fuzz.py [--seconds 30] [--seed N]
    python native/fuzz.py --corpus FOLDER   # write what libFuzzer begins with

Run under the sanitizers by `.ci/sanitized`, which has libFuzzer call `give`, too, where clang is
there. A reader may read or decline; all else ends the run.
"""

from __future__ import annotations

import argparse
import random
import struct
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, SafeUUID

import liteorm_native

from liteorm import Interval, Multirange, Range

INT4, TEXT, RECORD = 23, 25, 2249
WORDS = [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\0\0\0\1"]


def leaf(value: Any, index: int = 0) -> Any:
    """Return the program of a part."""
    return ("leaf", index, value, True)


def record(oids: tuple[int, ...]) -> Any:
    """Return what reads records of any types that are known here."""
    known: dict[int, Any] = {INT4: ("int4",), TEXT: ("text", 0), RECORD: ("record", record)}
    parts = tuple(leaf(known[oid], i) for i, oid in enumerate(oids))
    return liteorm_native.Value(("composite", oids, ("tuple", parts, ())))


RANGE = ("range", Range, (Range.empty, "()", "[)", "(]", "[]"), ("int4",))
PAIR = ("composite", (INT4, TEXT), ("tuple", (leaf(("int4",)), leaf(("text", 0), 1)), (0, 1)))
PAIR_BYTES = struct.pack("!iIiiIi", 2, INT4, 4, 7, TEXT, 1) + b"a"
UUID_SLOTS = (vars(UUID)["int"], vars(UUID)["is_safe"])
PARTS = tuple(vars(Interval)[name] for name in ("months", "days", "microseconds"))

SEEDS: list[tuple[Any, bytes]] = [
    (("array", INT4, None, False, ("int4",), True),
     struct.pack("!iiIiiiii", 1, 1, INT4, 2, 1, 4, 7, -1)),
    (("array", TEXT, (list, set), True, ("text", 0), False),
     struct.pack("!iiIiiiii", 2, 0, TEXT, 1, 1, 1, 1, 1) + b"a"),
    (("array", RECORD, (list,), True, ("record", record), True),
     struct.pack("!iiIiii", 1, 0, RECORD, 1, 1, len(PAIR_BYTES)) + PAIR_BYTES),
    (("array_tuple", INT4, 2, ("tuple", (leaf(("int4",)), leaf(("int4",), 1)), ())),
     struct.pack("!iiIiiiiii", 1, 0, INT4, 2, 1, 4, 7, 4, 8)),
    (PAIR, PAIR_BYTES),
    (("record", record),
     struct.pack("!iIiiIi", 2, INT4, 4, 7, RECORD, len(PAIR_BYTES)) + PAIR_BYTES),
    (RANGE, struct.pack("!Biiii", 2, 4, 1, 4, 5)),
    (("multirange", RANGE, Multirange), struct.pack("!iiBiiii", 1, 17, 2, 4, 1, 4, 5)),
    (("numeric", Decimal), struct.pack("!hhHHHH", 2, 0, 0, 2, 1, 5000)),
    (("vector", list), struct.pack("!HHff", 2, 0, 1.5, 2.5)),
    (("uuid", UUID, UUID_SLOTS, SafeUUID.unknown), bytes(range(16))),
    (("interval", Interval, PARTS), struct.pack("!qii", 1, 2, 3)),
    *(((name,), struct.pack("!q", 12345)) for name in ("int8", "float8", "time", "timestamptz")),
    *(((name,), struct.pack("!i", 12345)) for name in ("int4", "float4", "date", "uint4")),
    (("timedelta",), struct.pack("!qii", 5, 6, 0)),
    (("text", 1), b"\1text"),
]  # fmt: skip


def spoiled(data: bytes, chance: random.Random) -> bytes:
    """Return bytes with a few changes."""
    out = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(out) + 1)
        match chance.randrange(5):
            case 0:
                word = chance.choice(WORDS)
                out[at : at + 4] = word
            case 1 if at < len(out):
                out[at] = chance.randrange(256)
            case 2:
                del out[at:]
            case 3:
                out[at:at] = chance.randbytes(chance.randint(1, 8))
            case _ if at < len(out):
                out[at] ^= 1 << chance.randrange(8)
            case _:
                pass
    return bytes(out)


DECLINED = (ValueError, ArithmeticError, KeyError)
READERS: list[Callable[[bytes], Any]] = [liteorm_native.Value(program).read for program, _ in SEEDS]


def give(data: bytes) -> None:
    """Give a reader, which the first byte names, the others."""
    if data:
        try:
            READERS[data[0] % len(READERS)](data[1:])
        except DECLINED:
            pass


def write_corpus(folder: Path) -> None:
    """Write what each of the readers can read, as `give` takes it."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, (_, data) in enumerate(SEEDS):
        (folder / f"{number:02}").write_bytes(bytes([number]) + data)


def main() -> None:
    """Run until the time is over."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--corpus", type=Path)
    options = parser.parse_args()
    if options.corpus:
        write_corpus(options.corpus)
        return
    chance = random.Random(options.seed)
    read = declined = 0
    end = time.monotonic() + options.seconds
    while time.monotonic() < end:
        for reader, (_, data) in zip(READERS, SEEDS, strict=True):
            for _ in range(50):
                try:
                    reader(spoiled(data, chance))
                    read += 1
                except DECLINED:
                    declined += 1
    print(f"seed {options.seed}: {read} values read, {declined} declined")


if __name__ == "__main__":
    main()
