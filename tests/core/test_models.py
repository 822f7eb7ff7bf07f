"""Classes are understood: fields, columns, what is required, how an object is built."""

from __future__ import annotations

import dataclasses
import gc
from typing import Annotated, Any, Generic, Literal, NamedTuple, NotRequired, TypedDict, TypeVar

import attrs
import pytest

from liteorm import Column, ModelError, table
from liteorm._core import belonging
from liteorm._core.models import classes as models
from liteorm._core.models.classes import model_of
from liteorm._core.models.model import Model

T = TypeVar("T")


@table("app.users", key="id")
@attrs.frozen
class User:
    id: Annotated[int, Column(generated=True)]
    _secret: Annotated[str, Column(name="Secret")] = "x"
    aliased: int = attrs.field(alias="other", default=1)
    computed: int = attrs.field(init=False, default=1)


@dataclasses.dataclass
class Data:
    a: int
    _: dataclasses.KW_ONLY
    b: int = 1
    c: list[int] = dataclasses.field(default_factory=list[int])
    d: int = dataclasses.field(init=False, default=2)


class Named(NamedTuple):
    a: int
    b: str = "x"


class Typed(TypedDict):
    a: int
    b: NotRequired[str]


def columns(model: Model) -> list[tuple[str, str, str, bool, bool]]:
    """Return what each field is called, and whether it must be there."""
    return [(f.name, f.init_name, f.column, f.required, f.kw_only) for f in model.fields]


@pytest.mark.parametrize(
    ("cls", "kind", "expected"),
    [
        (
            User,
            "attrs",
            [
                ("id", "id", "id", True, False),
                ("_secret", "secret", "Secret", False, False),
                ("aliased", "other", "other", False, False),
            ],
        ),
        (
            Data,
            "dataclass",
            [
                ("a", "a", "a", True, False),
                ("b", "b", "b", False, True),
                ("c", "c", "c", False, True),
            ],
        ),
        (Named, "namedtuple", [("a", "a", "a", True, False), ("b", "b", "b", False, False)]),
        (Typed, "typeddict", [("a", "a", "a", True, True), ("b", "b", "b", False, True)]),
    ],
)
def test_fields_are_what_the_constructor_takes(cls: Any, kind: str, expected: object) -> None:
    """Attribute, keyword, column, required, keyword-only."""
    model = model_of(cls)
    assert model.kind == kind
    assert columns(model) == expected
    assert model_of(cls) is model


def test_a_table_belongs_to_its_class() -> None:
    """Schema, name and key, and what the database fills."""
    model = model_of(User)
    assert model.table is not None
    assert (model.table.schema, model.table.name, model.table.key) == ("app", "users", ("id",))
    assert [f.generated for f in model.fields] == [True, False, False]
    assert model.field("_secret") is model.field("secret") is not None
    assert model.field("nothing") is None


@pytest.mark.parametrize(
    ("make", "plain"),
    [
        (lambda: attrs.make_class("C", {"a": attrs.field(type=int)}, frozen=True), True),
        (lambda: attrs.make_class("C", {"a": attrs.field(type=int, converter=int)}), False),
        (
            lambda: attrs.make_class(
                "C", {"a": attrs.field(type=int)}, frozen=True, cache_hash=True
            ),
            False,
        ),
        (
            lambda: attrs.make_class("C", {"a": attrs.field(type=int)}, bases=(Exception,)),
            False,
        ),
        (lambda: Data, False),
        (lambda: dataclasses.make_dataclass("C", [("a", int)], frozen=True), True),
    ],
)
def test_plain_constructors_are_known(make: Any, plain: bool) -> None:
    """Only a constructor that stores its arguments and no more may be done without."""
    cls = make()
    assert model_of(cls).plain is plain


@attrs.define(slots=False)
class A(Generic[T]):
    a: T


@attrs.define(slots=False)
class B(Generic[T]):
    b: list[T]


@attrs.define(slots=False)
class C(A[int], B[str]):
    pass


def test_a_variable_means_what_each_base_gives_it() -> None:
    """The same variable in two bases has two meanings."""
    hints = {f.name: f.hint.annotation for f in model_of(C).fields}
    assert hints == {"a": int, "b": list[str]}
    assert model_of(A[str]).fields[0].hint.type is str
    assert model_of(A[str]).name == "A[str]"


@pytest.mark.parametrize("tp", [int, list[int], object, 3, [1]])
def test_what_has_no_fields_is_no_model(tp: Any) -> None:
    """Only classes with named fields are models."""
    with pytest.raises(ModelError):
        model_of(tp)


@pytest.mark.parametrize(
    ("name", "schema", "message"),
    [
        ("a.b.c", None, "2 dots"),
        ("", None, "needs a name"),
        (".b", None, "1 dots"),
        ("a", "", "name"),
    ],
)
def test_table_names_are_checked(name: str, schema: str | None, message: str) -> None:
    """One dot at most, and no empty part."""
    with pytest.raises(ModelError, match=message):
        table(name, schema=schema)


def test_a_key_must_be_a_field() -> None:
    """A key that is no field is a mistake of the class."""

    @table("t", key="no")
    @attrs.define
    class Wrong:
        id: int

    with pytest.raises(ModelError, match="which is no field"):
        model_of(Wrong)


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Classes made at run time do not pile up, and what one class is asked for does not either."""
    monkeypatch.setattr(belonging, "_MOST", 8)

    @attrs.define
    class Held(Generic[T]):
        a: T

    before = len(models._models)
    for number in range(20):
        model_of(NamedTuple("N", [("a", int)]))
        model_of(Held[Literal[number]])  # type: ignore[valid-type]
        belonging.keep(int, ("test", number), number)
    gc.collect()
    assert len(models._models) <= before + 1
    assert len(belonging.kept(Held)) <= 8
    assert len(belonging.kept(int)) <= 8


def test_a_table_given_after_the_first_use_counts() -> None:
    """Also for classes that inherit it, and for parameterised ones."""

    @attrs.define
    class Late(Generic[T]):
        id: T

    @attrs.define
    class Heir(Late[int]):
        pass

    @attrs.define
    class Other:
        id: int

    kept = model_of(Other)
    for annotation in (Late[int], Heir):
        assert model_of(annotation).table is None
    table("late", key="id")(Late)
    for annotation in (Late[int], Heir):
        found = model_of(annotation).table
        assert found is not None
        assert (found.name, found.key) == ("late", ("id",))
    assert model_of(Other) is kept
