"""Every kind of class, with every feature it has, is filled by column name."""

from __future__ import annotations

import collections
import dataclasses
import enum
import sys
import threading
from typing import (
    Annotated,
    Any,
    ClassVar,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    NotRequired,
    Optional,
    Required,
    Self,
    TypedDict,
    TypeVar,
)

import attrs
import pytest
import typing_extensions

import liteorm
from liteorm import Column, ModelError, ScanError, postgres, scan, scan_one
from tests.postgres.scanning import query

T = TypeVar("T")
S = TypeVar("S")
Bound = TypeVar("Bound", bound=int)
Id = NewType("Id", int)


@attrs.define
class Simple:
    a: int
    b: str = "default"


@attrs.frozen
class Frozen:
    a: int
    b: str = "default"


@attrs.frozen(slots=False)
class FrozenDict:
    a: int
    b: str = "default"


@attrs.define(kw_only=True)
class KeywordOnly:
    a: int
    b: str = "default"


@attrs.define
class Private:
    _a: int
    __b: int = 5  # pyright: ignore
    c: int = attrs.field(alias="sea", default=7)


@attrs.frozen
class Named:
    a: Annotated[int, Column(name="User Id")]


@attrs.define
class Computed:
    a: int
    twice: int = attrs.field(init=False)
    constant: ClassVar[int] = 3

    def __attrs_post_init__(self) -> None:
        self.twice = 2 * self.a


def _tenfold(value: int) -> int:
    return value * 10


@attrs.define
class Converted:
    a: int = attrs.field(converter=_tenfold)
    tags: list[str] = attrs.Factory(list[str])


@attrs.frozen
class Base:
    a: int


@attrs.frozen(kw_only=True)
class Derived(Base):
    b: int
    c: int = 3


@attrs.define
class OwnInit:
    a: int
    b: int

    def __init__(self, b: int, a: int = 9) -> None:
        self.a, self.b = a, b


@attrs.frozen
class FrozenOwnInit:
    a: int
    b: int

    def __init__(self, *, b: int, **rest: int) -> None:
        init: Any = vars(FrozenOwnInit)["__attrs_init__"]
        init(self, rest["a"] * 10, b)


class Undecorated(Base):
    """A subclass that attrs has not seen."""

    def __init__(self, a: int) -> None:
        super().__init__(a + 1)


@attrs.frozen
class Awkward:
    frozen: int
    null: int
    rows: int
    value: int


@attrs.frozen(slots=False, cache_hash=True)
class CachedHash:
    a: int


@attrs.frozen(cache_hash=True)
class CachedHashSlots:
    a: int


@attrs.frozen
class Failure(Exception):
    a: int


@dataclasses.dataclass
class Data:
    a: int
    b: str = "default"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FrozenData:
    a: int
    b: str = "default"


@dataclasses.dataclass
class MixedData:
    a: int
    _: dataclasses.KW_ONLY
    c: int = dataclasses.field(default_factory=lambda: 5)
    d: int = dataclasses.field(init=False, default=4)


@dataclasses.dataclass
class DataOwnInit:
    a: int
    b: int

    def __init__(self, b: int, a: int) -> None:
        self.a, self.b = a, b


@dataclasses.dataclass(frozen=True)
class SelfData:
    self: int
    frozen: int


class Row(NamedTuple):
    a: int
    b: str = "default"


Untyped: Any = collections.namedtuple("Untyped", "b a")  # pyright: ignore


class Partial(TypedDict):
    a: Required[int]
    b: NotRequired[str]


class Total(Partial, total=False):
    c: int


class ReadOnly(typing_extensions.TypedDict):
    a: typing_extensions.ReadOnly[int]


Odd = TypedDict("Odd", {"in": int, "x y": str, "from": int}, total=False)


@attrs.define(slots=False)
class BoxA(Generic[T]):
    a: T


@attrs.define(slots=False)
class BoxB(Generic[T]):
    b: list[T]


@attrs.define(slots=False)
class Both(BoxA[int], BoxB[str]):
    """The same type variable with two meanings."""


@attrs.define
class Middle(Generic[S]):
    data: S | None


@attrs.define
class Lists(Middle[list[S]], Generic[S]):
    pass


@attrs.define
class Ints(Lists[int]):
    pass


@attrs.define
class Bounded(Generic[Bound]):
    a: Bound


@dataclasses.dataclass
class DataBox(Generic[T]):
    a: T


class RowBox(NamedTuple, Generic[T]):
    a: T


class DictBox(TypedDict, Generic[T]):
    a: T


class DictOfInt(DictBox[int]):
    b: int


@pytest.mark.parametrize(
    ("select", "model", "expected"),
    [
        ("1 AS a", Simple, Simple(1)),
        ("'x' AS b, 1 AS a", Simple, Simple(1, "x")),
        ("1 AS a, 'x' AS b", Frozen, Frozen(1, "x")),
        ("1 AS a", Frozen, Frozen(1)),
        ("1 AS a, 'x' AS b", FrozenDict, FrozenDict(1, "x")),
        ("1 AS a", KeywordOnly, KeywordOnly(a=1)),
        ("1 AS a, 2 AS sea", Private, Private(a=1, sea=2)),  # pyright: ignore
        ('3 AS "User Id"', Named, Named(3)),
        ("4 AS a", Computed, Computed(4)),
        ("4 AS a", Converted, Converted(4)),
        ("1 AS a, 2 AS b", Derived, Derived(1, b=2)),
        ("1 AS a, 2 AS b, 4 AS c", Derived, Derived(1, b=2, c=4)),
        ("1 AS a, 2 AS b", OwnInit, OwnInit(2, 1)),
        ("2 AS b", OwnInit, OwnInit(2, 9)),
        ("1 AS a, 2 AS b", FrozenOwnInit, FrozenOwnInit(a=1, b=2)),
        ("1 AS a", Undecorated, Undecorated(1)),
        ("1 AS frozen, 2 AS null, 3 AS rows, 4 AS value", Awkward, Awkward(1, 2, 3, 4)),
        ("1 AS a", Data, Data(1)),
        ("1 AS a, 'x' AS b", FrozenData, FrozenData(a=1, b="x")),
        ("1 AS a, 2 AS c", MixedData, MixedData(1, c=2)),
        ("1 AS a, 2 AS b", DataOwnInit, DataOwnInit(2, 1)),
        ('1 AS "self", 2 AS frozen', SelfData, SelfData(1, 2)),
        ("1 AS a", Row, Row(1)),
        ("'x' AS b, 1 AS a", Row, Row(1, "x")),
        ("1 AS a, 'x' AS b", Untyped, Untyped("x", 1)),
        ("1 AS a", Partial, {"a": 1}),
        ("1 AS a, 'x' AS b", Partial, {"a": 1, "b": "x"}),
        ("1 AS a, 2 AS c", Total, {"a": 1, "c": 2}),
        ("1 AS a", ReadOnly, {"a": 1}),
        ('1 AS "in", \'v\' AS "x y"', Odd, {"in": 1, "x y": "v"}),
        ("1 AS a", BoxA[int], BoxA(1)),
        ("1 AS a, '{x}'::text[] AS b", Both, Both(a=1, b=["x"])),
        ("'{1,2}'::int[] AS data", Ints, Ints([1, 2])),
        ("1 AS a", Bounded, Bounded(1)),
        ("1 AS a", DataBox[int | None], DataBox(1)),
        ("1 AS a", RowBox[int], RowBox(1)),
        ("1 AS a", DictBox[int], {"a": 1}),
        ("1 AS a, 2 AS b", DictOfInt, {"a": 1, "b": 2}),
        ("1 AS a, 'x' AS b", dict, {"a": 1, "b": "x"}),
        ("1 AS a, 2 AS b", dict[str, int], {"a": 1, "b": 2}),
        ("1, 'x'", tuple[int, str], (1, "x")),
        ("1, 2", tuple[int, ...], (1, 2)),
        ("1, 'x'", tuple, (1, "x")),
        ("1", int, 1),
        ("1", Id, 1),
        ("1", Annotated[int, "ignored"], 1),
        ("NULL::int", int | None, None),
        ("NULL::int", Optional[int], None),  # noqa: UP045
        ("'{1,2}'::int[]", list[int], [1, 2]),
        ("1", Any, 1),
        ("1", object, 1),
        ("NULL::int AS a", Row | None, None),
    ],
)
def test_each_kind_of_model_is_filled(
    module_db: postgres.DB, select: str, model: Any, expected: object
) -> None:
    """A row becomes what the class's own constructor would have made of it."""
    found = scan_one(query(module_db, f"SELECT {select}"), model)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize("model", [CachedHash, CachedHashSlots, Frozen, FrozenData])
def test_frozen_objects_are_whole(module_db: postgres.DB, model: Any) -> None:
    """Objects of frozen classes can be hashed and compared, and stay frozen."""
    found = scan_one(query(module_db, "SELECT 1 AS a"), model)
    assert hash(found) == hash(model(a=1))
    with pytest.raises((AttributeError, dataclasses.FrozenInstanceError)):
        found.a = 2
    assert not any(cls is not model and type(found) is cls for cls in model.__subclasses__())


def test_an_exception_class_is_built_by_its_constructor(module_db: postgres.DB) -> None:
    """A class that is an exception has its args."""
    found = scan_one(query(module_db, "SELECT 1 AS a"), Failure)
    assert (found.a, found.args) == (1, (1,))


def test_a_validator_comes_through_with_a_note(module_db: postgres.DB) -> None:
    """What a validator raises is not wrapped; a note names the column and the row."""

    @attrs.define
    class Positive:
        a: int = attrs.field(validator=attrs.validators.gt(0))

    rows = query(module_db, "SELECT 2 - n AS a FROM generate_series(0, 5) AS n")
    with pytest.raises(ValueError, match="must be > 0") as caught:
        scan(rows, Positive)
    assert caught.value.__notes__ == [
        f'while scanning {Positive.__qualname__.rpartition(".")[2]}: column "a", row 2'
    ]


def test_a_converter_comes_through_with_a_note(module_db: postgres.DB) -> None:
    """The same for a converter, of a field inside another object."""

    def fail(value: int) -> int:
        if value == 300:
            raise RuntimeError("no 300")
        return value

    @attrs.define
    class Inner:
        x: int = attrs.field(converter=fail)

    @attrs.define
    class Outer:
        inner: Inner

    rows = query(module_db, 'SELECT n AS "inner.x" FROM generate_series(0, 600) AS n')
    with pytest.raises(RuntimeError) as caught:
        scan(rows, Outer)
    assert caught.value.__notes__ == ['while scanning Outer: column "inner.x", row 300']


def test_local_classes_refer_to_each_other(module_db: postgres.DB) -> None:
    """String annotations find classes of the function which is running."""

    @attrs.define
    class Outer:
        inner: Inner | None

    @attrs.define
    class Inner:
        x: int

    rows = query(module_db, 'SELECT 1 AS "inner.x"')
    assert scan(rows, Outer) == [Outer(Inner(1))]


@attrs.define
class Node:
    id: int
    parent: Node | None = None


def test_a_class_may_contain_itself(module_db: postgres.DB) -> None:
    """A tree is as deep as its columns are."""
    rows = query(module_db, 'SELECT 1 AS id, 2 AS "parent.id", 3 AS "parent.parent.id"')
    assert scan(rows, Node) == [Node(1, Node(2, Node(3)))]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BoxA, "not bound"),
        (lambda: attrs.make_class("Outer", {"page": attrs.field(type=_of(BoxA, T))}), "not bound"),
        (lambda: dict[int, int], "names as keys"),
        (lambda: _initvar(), "InitVar"),
        (lambda: _other_init(), "needs 'z'"),
        (lambda: _no_init(), "no __init__"),
        (lambda: attrs.make_class("Bare", ["a"]), "no annotation"),
        (
            lambda: attrs.make_class("Wrong", {"a": attrs.field(type=_of({0: 3}, 0))}),
            "not one that a column",
        ),
        (
            lambda: attrs.make_class(
                "Twice",
                {
                    "a": attrs.field(type=int),
                    "b": attrs.field(type=_of(Annotated, int, Column(name="a"))),
                },
            ),
            "both take column",
        ),
    ],
)
def test_a_class_that_cannot_be_mapped_is_a_model_error(
    module_db: postgres.DB, make: Any, message: str
) -> None:
    """What no row could fill is said of the class, whatever the rows."""
    with pytest.raises(ModelError, match=message):
        scan(query(module_db, "SELECT 1 AS a WHERE false"), make())


class Strange:
    """A class that no column fills."""


@attrs.define
class HoldsStrange:
    """A class with a field that no column fills."""

    a: Strange


@attrs.define
class HoldsMany:
    """The same, inside and optional."""

    part: HoldsStrange | None


@pytest.mark.parametrize(
    ("sql", "model", "field", "sentence"),
    [
        ("SELECT 1 AS a WHERE false", Strange, None, "^Strange is a class that no column fills"),
        ("SELECT 1 AS a, 2 AS b", Strange, None, "^Strange is a class that no column fills"),
        ("SELECT 1 AS a WHERE false", HoldsStrange, "a", r"^HoldsStrange\.a: Strange is a class"),
        ('SELECT 1 AS "part.a"', HoldsMany, "part.a", r"^HoldsMany\.part\.a: Strange is a class"),
        ("SELECT ARRAY[1] AS a", list[Strange], None, "^Strange is a class"),
        ("SELECT jsonb '{}' AS a", HoldsStrange, "a", "^JSON cannot be decoded into Strange"),
        ("SELECT 1 AS a", Simple(1, "secret"), None, "^an object of class Simple is nothing"),
    ],
)
def test_a_class_that_no_column_fills_is_a_model_error(
    module_db: postgres.DB, sql: str, model: Any, field: str | None, sentence: str
) -> None:
    """Class and field are named, also where the result has no row."""
    with pytest.raises(ModelError, match=sentence) as caught:
        scan(query(module_db, sql), model)
    assert caught.value.model
    assert caught.value.field == field
    assert "secret" not in str(caught.value)


def test_a_union_takes_what_its_other_member_takes(module_db: postgres.DB) -> None:
    """A class that no column fills is no harm beside one that the column does fill."""
    assert scan(query(module_db, "SELECT 1"), int | Strange) == [1]
    with pytest.raises(ScanError, match=r"expected int \| Strange"):
        scan(query(module_db, "SELECT 'x'"), int | Strange)


def _of(origin: Any, *args: Any) -> Any:
    """Return `origin[args]`, which checkers would read as a type."""
    return origin[args] if len(args) != 1 else origin[args[0]]


def _initvar() -> Any:
    @dataclasses.dataclass
    class Once:
        a: int
        b: dataclasses.InitVar[int]

    return Once


def _other_init() -> Any:
    @attrs.define
    class Other:
        a: int

        def __init__(self, z: int) -> None:
            self.a = z

    return Other


def _no_init() -> Any:
    @dataclasses.dataclass(init=False)
    class Without:
        a: int

    return Without


@pytest.mark.skipif(sys.version_info < (3, 12), reason="PEP 695 needs Python 3.12")
def test_pep_695_classes_and_aliases(module_db: postgres.DB) -> None:
    """The newer spelling of generics and aliases means the same."""
    scope: dict[str, Any] = {"attrs": attrs, "__name__": __name__}
    text = (
        "@attrs.define\nclass Page[T]:\n    a: T\n    more: list[T] | None = None\n"
        "type Pair[X] = tuple[X, X]\ntype Number = int\n"
        "@attrs.define\nclass Uses:\n    a: Number\n    p: Pair[int]\n"
        "type Loop = list[Loop] | int\n"
    )
    exec(compile(text, "<new>", "exec", dont_inherit=True), scope)
    page, uses = scope["Page"], scope["Uses"]
    rows = query(module_db, "SELECT 1 AS a, '[2]'::jsonb AS more")
    assert scan(rows, page[int]) == [page(1, [2])]
    with pytest.raises(ScanError):
        scan(rows, page[str])
    rows = query(module_db, "SELECT 1 AS a, ARRAY[1, 2] AS p")
    assert scan(rows, uses) == [uses(1, (1, 2))]
    with pytest.raises(ModelError, match="contains itself"):
        scan(query(module_db, "SELECT 1"), scope["Loop"])


def test_the_same_class_is_scanned_by_many_threads(module_db: postgres.DB) -> None:
    """Planning and building need no lock of the caller's."""
    rows = query(module_db, "SELECT n AS a, 'x' || n AS b FROM generate_series(1, 2000) AS n")
    results: list[Any] = []

    def work() -> None:
        fields = {"a": attrs.field(type=int), "b": attrs.field(type=str)}
        own: Any = attrs.make_class("Own", fields, frozen=True)
        for cls in (Frozen, Simple, Row, own):
            results.append(len(scan(rows, cls)))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [2000] * 32


def test_rows_are_scanned_any_number_of_times(module_db: postgres.DB) -> None:
    """Rows outlive their connection, and give the same each time."""
    rows = query(module_db, "SELECT n AS a FROM generate_series(0, 999) AS n")
    assert scan(rows, int) == list(range(1000)) == scan(rows, int)
    assert [row[0] for row in rows] == list(range(1000))
    assert (rows.columns, len(rows)) == (("a",), 1000)


class Mood(enum.Enum):
    GOOD = "good"


@pytest.mark.parametrize(
    ("expression", "annotation", "expected"),
    [
        ("'1 day'::interval", liteorm.Interval | str, liteorm.Interval(0, 1, 0)),
        ("'(1,2)'::point", tuple[float, float] | int, (1.0, 2.0)),
        ("'(1,2)'::point", str | int, "(1,2)"),
        ("'{1 day}'::interval[]", list[liteorm.Interval] | int, [liteorm.Interval(0, 1, 0)]),
        ("'bad'", Mood | str, "bad"),
        ("'good'", str | Mood, Mood.GOOD),
        ("'x'", Literal["a"] | str, "x"),
        ("1", int | str, 1),
        ("1", str | int | None, 1),
        ("'{1}'::int[]", list[str] | list[int], [1]),
    ],
)
def test_a_union_takes_the_member_that_fits(
    module_db: postgres.DB, expression: str, annotation: Any, expected: object
) -> None:
    """Of a union, the member that the column fills decides, whatever the order."""
    assert scan_one(query(module_db, f"SELECT {expression}"), tuple[annotation]) == (expected,)


def test_what_was_compiled_for_a_class_goes_with_it(module_db: postgres.DB) -> None:
    """Classes made at run time are not kept for ever by what was compiled for them."""
    import gc
    import weakref

    from liteorm._core.models.classes import clear_models
    from liteorm._core.scanning.scanner import clear_scanners

    rows = query(module_db, "SELECT 1 AS a")
    model: Any = attrs.make_class("Short", {"a": attrs.field(type=int)}, frozen=True)
    assert scan(rows, model) == [model(1)]
    gone = weakref.ref(model)
    del model, rows
    clear_models()
    clear_scanners()
    module_db._state.types.clear()
    gc.collect()
    assert gone() is None


MADE: list[int] = []


@attrs.frozen
class Numbered:
    """A class whose objects are made by a `__new__` of its own."""

    a: int

    def __new__(cls, a: int) -> Self:
        MADE.append(a)
        return super().__new__(cls)


@attrs.frozen
class OfNumbered(Numbered):
    """One that has it from a class above."""

    b: int = 2

    def __new__(cls, a: int, b: int = 2) -> Self:
        return super().__new__(cls, a)


@attrs.frozen
class Inherits(Numbered):
    """One that only inherits it."""


@pytest.mark.parametrize("model", [Numbered, OfNumbered, Inherits])
def test_a_class_with_its_own_new_is_made_by_it(module_db: postgres.DB, model: Any) -> None:
    """What is built past the constructor would skip it."""
    MADE.clear()
    rows = module_db.query("SELECT n AS a FROM generate_series(1, 3) AS n")
    assert scan(rows, model) == [model(1), model(2), model(3)]
    assert MADE == [1, 2, 3, 1, 2, 3]
