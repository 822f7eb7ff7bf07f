"""Generated functions: tracebacks show their lines, caches are bounded, nothing is left behind."""

from __future__ import annotations

import gc
import inspect
import linecache
import traceback
from typing import Annotated, Any, NamedTuple

import attrs
import pytest

import liteorm
from liteorm import Column, NoRows, ScanError, TooManyRows, scan, scan_one, scan_optional
from liteorm._core.scanning import scanner as scanners
from liteorm._core.scanning.scan import scanner_for
from tests.core.rows import rows, shape


@attrs.define
class User:
    id: int
    name: str


class Failing:
    """A codec that fails."""

    def decode(self, value: Any) -> Any:
        raise RuntimeError("decoding failed")

    def encode(self, value: Any) -> Any:
        return value


@attrs.define
class Coded:
    id: int
    name: Annotated[str, Column(codec=Failing())]


USERS = shape(id="integer", name="text")


def test_a_traceback_shows_the_generated_line() -> None:
    """The file name tells the model, and the line is the one of the column."""
    with pytest.raises(RuntimeError) as caught:
        scan(rows(USERS, (1, "x")), Coded)
    text = "".join(traceback.format_exception(caught.value))
    assert "<liteorm scan Coded #" in text
    assert "_codec_decode(name) if name is not None else null()," in text
    assert caught.value.__notes__ == ['while scanning Coded: column "name", row 0']


def test_a_debugger_sees_the_source() -> None:
    """`inspect.getsource` gives what was generated."""
    scanner = scanner_for(User, USERS)
    assert inspect.getsource(scanner.build) == scanner.source.text
    assert inspect.getsourcefile(scanner.build) == scanner.filename
    assert linecache.getline(scanner.filename, 1) == "def build(rows):\n"


def test_a_plan_can_be_explained() -> None:
    """`explain_plan` shows columns, fields and source."""
    text = liteorm.explain_plan(rows(USERS), User)
    assert "id    integer -> User.id: int" in text
    assert "def build(rows):" in text


def test_linecache_entries_go_with_their_functions() -> None:
    """Evicted scanners leave nothing behind."""
    columns = shape(id="integer", name="text")

    @attrs.define
    class Short:
        id: int
        name: str

    filename = scanner_for(Short, columns).filename
    assert filename in linecache.cache
    columns.scanners.clear()
    scanners.clear_scanners()
    gc.collect()
    assert filename not in linecache.cache


def test_the_caches_are_bounded() -> None:
    """A program which makes classes at run time does not grow for ever."""
    columns = shape(a="integer")
    scanners.clear_scanners()
    for _ in range(100):
        scan(rows(columns), NamedTuple("N", [("a", int)]))
    assert len(columns.scanners) == scanners._SCANNERS_PER_SHAPE
    assert len(scanners._shared) == 100 <= scanners._SHARED_SCANNERS
    scanners.clear_scanners()


def test_equal_shapes_share_a_scanner() -> None:
    """Two pools' equal results compile once."""
    assert scanner_for(User, shape(id="integer", name="text")) is scanner_for(
        User, shape(id="integer", name="text")
    )
    assert scanner_for(User, USERS) is not scanner_for(User, USERS, "ignore")


def test_rows_are_counted_from_zero() -> None:
    """The row of an error is the index of the row."""
    values: list[tuple[int, str | None]] = [(n, "x") for n in range(1000)]
    values[257] = (257, None)
    with pytest.raises(ScanError, match='column "name", row 257, is NULL') as caught:
        scan(rows(USERS, *values), User)
    assert (caught.value.row, caught.value.field, caught.value.model) == (257, "name", "User")


def test_one_and_optional_count() -> None:
    """The promise is in the name; the shape is held against the model first."""
    one, none, two = rows(USERS, (1, "x")), rows(USERS), rows(USERS, (1, "x"), (2, "y"))
    assert scan_one(one, User) == scan_optional(one, User) == User(1, "x")
    assert scan_optional(none, User) is None
    calls: list[tuple[Any, Any, Any]] = [
        (scan_one, none, NoRows),
        (scan_one, two, TooManyRows),
        (scan_optional, two, TooManyRows),
    ]
    for call, given, error in calls:
        with pytest.raises(error):
            call(given, User)
    with pytest.raises(ScanError):
        scan_optional(none, int)


def test_the_collector_is_left_as_it_was() -> None:
    """Also when a row fails in the middle of a large result."""
    values = [(n, "x") for n in range(2000)]
    assert gc.isenabled()
    assert len(scan(rows(USERS, *values), User)) == 2000
    assert gc.isenabled()
    with pytest.raises(ScanError):
        scan(rows(USERS, *values, (None, "x")), User)
    assert gc.isenabled()
    gc.disable()
    try:
        scan(rows(USERS, *values), User)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_twin_of_a_frozen_class_shows_nowhere() -> None:
    """Objects are of the class itself, in their repr, class and pickle."""
    import pickle

    found = scan_one(rows(USERS, (1, "x")), Frozen)
    assert type(found) is Frozen
    assert pickle.loads(pickle.dumps(found)) == Frozen(1, "x")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        found.id = 2  # type: ignore[misc] # pyright: ignore


@attrs.frozen
class Frozen:
    id: int
    name: str


def test_a_class_that_watches_its_subclasses_gets_no_twin() -> None:
    """The hook of the user's would be told of a class that is none of theirs."""
    seen: list[type] = []

    @attrs.frozen
    class Watching:
        id: int
        name: str

        def __init_subclass__(cls) -> None:
            seen.append(cls)

    seen.clear()
    assert scan(rows(USERS, (1, "x")), Watching) == [Watching(1, "x")]
    assert seen == []


def test_scanners_of_other_codecs_are_not_shared() -> None:
    """A pool's codecs are its own, also when an older pool's shape is gone from memory."""

    class Times:
        def __init__(self, factor: int) -> None:
            self.factor = factor

        def decode(self, value: Any) -> Any:
            return value * self.factor

        def encode(self, value: Any) -> Any:
            return value

    for factor in range(1, 30):
        columns = attrs.evolve(shape(a="integer"), codecs={int: Times(factor)})
        assert scan_one(rows(columns, (1,)), int) == factor
        del columns
