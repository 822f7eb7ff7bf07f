"""Generated functions: tracebacks show their lines, caches are bounded, nothing is left behind."""

from __future__ import annotations

import dataclasses
import gc
import inspect
import linecache
import threading
import traceback
import tracemalloc
import typing
from typing import Annotated, Any, ClassVar, Generic, NamedTuple, TypeVar

import attrs
import pytest

import liteorm
from liteorm import Column, NoRows, ScanError, TooManyRows, scan, scan_one, scan_optional
from liteorm._core.scanning import scanner as scanners
from liteorm._core.scanning.scan import scanner_for
from tests.core.rows import rows, shape

T = TypeVar("T")


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
    """A scanner goes with its class, and leaves nothing behind."""
    columns = shape(id="integer", name="text")

    @attrs.define
    class Short:
        id: int
        name: str

    filename = scanner_for(Short, columns).filename
    assert filename in linecache.cache
    del Short
    gc.collect()
    assert filename not in linecache.cache


def test_the_caches_are_bounded() -> None:
    """A program which makes classes at run time does not grow for ever."""
    columns = shape(a="integer")
    # Held, so that none of them goes by itself.
    models: list[Any] = [NamedTuple("N", [("a", int)]) for _ in range(100)]
    for model in models:
        scan(rows(columns), model)
        scan(rows(columns), model, extra="ignore")
    assert len(columns.scanners) == scanners._SCANNERS_PER_SHAPE


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


def test_objects_of_a_frozen_class_are_its_own() -> None:
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


@attrs.frozen
class Derived(Frozen):
    pass


@attrs.frozen(slots=False)
class WithDict:
    id: int
    name: str


@attrs.frozen
class Wide(Generic[T]):
    id: T
    name: str


@dataclasses.dataclass(frozen=True, slots=True)
class Data:
    id: int
    name: str


@dataclasses.dataclass(frozen=True)
class Counted:
    id: int
    name: str
    made: ClassVar[list[str]] = []

    def __new__(cls, *_args: Any, **_named: Any) -> Counted:
        cls.made.append(cls.__qualname__)
        return super().__new__(cls)


@attrs.frozen
class CountedSlots:
    id: int
    name: str
    made: ClassVar[list[str]] = []

    def __new__(cls, *_args: Any, **_named: Any) -> CountedSlots:
        cls.made.append(cls.__qualname__)
        return object.__new__(cls)


@pytest.mark.parametrize("model", [Frozen, Derived, WithDict, Wide[int], Data])
def test_scanning_adds_no_subclass_and_no_memory(model: Any) -> None:
    """Objects are as the class's own constructor makes them: frozen, as small, and no others."""
    cls = typing.get_origin(model) or model
    before = cls.__subclasses__()
    tracemalloc.start()
    try:
        scan(rows(USERS, (1, "x")), model)
        first = tracemalloc.get_traced_memory()[0]
        found = scan(rows(USERS, *[(1, "x")] * 2000), model)
        scanned = tracemalloc.get_traced_memory()[0] - first
        first = tracemalloc.get_traced_memory()[0]
        called = [cls(1, "x") for _ in range(2000)]
        by_hand = tracemalloc.get_traced_memory()[0] - first
    finally:
        tracemalloc.stop()
    assert found == called
    assert {type(one) for one in found} == {cls}
    assert scanned < 1.2 * by_hand
    assert cls.__subclasses__() == before
    with pytest.raises((attrs.exceptions.FrozenInstanceError, dataclasses.FrozenInstanceError)):
        found[0].id = 2


@pytest.mark.parametrize("model", [Counted, CountedSlots])
def test_a_class_with_its_own_new_is_built_by_calling_it(model: Any) -> None:
    """What makes the objects is the class, once for each."""
    model.made.clear()
    assert len(scan(rows(USERS, (1, "x"), (2, "y")), model)) == 2
    assert model.made == [model.__qualname__] * 2


def test_a_class_that_watches_its_subclasses_sees_none() -> None:
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


@attrs.define
class tags_items:
    id: int


@attrs.define
class pair_values:
    id: int


@attrs.define
class Colliding:
    tags: list[int | None]
    pair: tuple[int, int]
    first: tags_items
    second: pair_values


def test_names_of_generated_code_never_meet() -> None:
    """A class may be called as the function for a column beside it would be."""
    found = scan_one(
        rows(
            shape(tags="integer[]", pair="integer[]", first__id="integer", second__id="integer"),
            ([1, None], [2, 3], 4, 5),
        ),
        Colliding,
    )
    assert found == Colliding([1, None], (2, 3), tags_items(4), pair_values(5))


def test_a_finaliser_may_scan_whatever_it_interrupts() -> None:
    """The collector runs finalisers at any allocation: nothing of the scanner waits for itself."""
    done: list[int] = []

    class Key(str):
        """A name of a column in whose comparison anything can happen, as in a finaliser."""

        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            if len(done) < 5:
                done.append(1)
                scanners.make_scanner(tuple[int], attrs.evolve(shape(a="integer")), "error")
            return str.__eq__(self, other)

    columns = attrs.evolve(shape(a="integer"), names=(Key("a"),))

    def scan_all() -> None:
        for _ in range(3):
            scanners.make_scanner(tuple[int], attrs.evolve(columns, names=(Key("a"),)), "error")

    thread = threading.Thread(target=scan_all, daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
    assert done
