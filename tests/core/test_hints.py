"""Annotations are understood once, whatever their spelling."""

from __future__ import annotations

import collections.abc
import enum
import typing
from typing import Annotated, Any, Generic, Literal, NewType, Optional, TypeVar, Union

import attrs
import pytest
import typing_extensions

from liteorm import Column, Interval, ModelError, Multirange, Range
from liteorm._core.models.annotations import shown
from liteorm._core.models.hints import Hint, hint_of

T = TypeVar("T")
WithDefault = typing_extensions.TypeVar("WithDefault", default=int)
Bound = TypeVar("Bound", bound=str)
Id = NewType("Id", int)
Alias = typing_extensions.TypeAliasType("Alias", list[T], type_params=(T,))


class Color(enum.Enum):
    RED = 1


@attrs.define
class Page(Generic[T]):
    data: T


def of(origin: Any, *args: Any) -> Any:
    """Return `origin[args]`, which checkers would read as a type."""
    return origin[args] if len(args) != 1 else origin[args[0]]


def read(annotation: Any, bindings: dict[Any, Any] | None = None) -> Hint:
    """Understand an annotation of a field M.f."""
    return hint_of(annotation, bindings, model="M", field="f")


KINDS: list[tuple[Any, str, Any, bool]] = [
    (int, "scalar", int, False),
    (int | None, "scalar", int, True),
    (Optional[int], "scalar", int, True),  # noqa: UP045
    (Union[None, int], "scalar", int, True),  # noqa: UP007
    (Any, "any", object, True),
    (object, "any", object, True),
    (int | Any, "any", object, True),
    (None, "none", type(None), True),
    (Id, "scalar", int, False),
    (Annotated[int, "x"], "scalar", int, False),
    (Annotated[int | None, "x"], "scalar", int, True),
    (of(Optional, Annotated[int, "x"]), "scalar", int, True),
    (typing.Final[int], "scalar", int, False),
    (typing.Required[int], "scalar", int, False),
    (typing_extensions.ReadOnly[int], "scalar", int, False),
    (list[int], "sequence", list, False),
    (list, "sequence", list, False),
    (typing.List, "sequence", list, False),  # noqa: UP006
    (typing.Set, "sequence", set, False),  # noqa: UP006
    (typing.FrozenSet, "sequence", frozenset, False),  # noqa: UP006
    (typing.Sequence, "sequence", list, False),
    (typing.Iterable, "sequence", list, False),
    (typing.Tuple, "sequence", tuple, False),  # noqa: UP006
    (typing.Dict, "mapping", dict, False),  # noqa: UP006
    (typing.Mapping, "mapping", dict, False),
    (of(Optional, typing.Dict), "mapping", dict, True),  # noqa: UP006
    (collections.abc.Sequence[int], "sequence", list, False),
    (collections.abc.Set[int], "sequence", frozenset, False),
    (set[int], "sequence", set, False),
    (tuple[int, ...], "sequence", tuple, False),
    (tuple, "sequence", tuple, False),
    (tuple[int, str], "tuple", tuple, False),
    (tuple[()], "tuple", tuple, False),
    (dict[str, int], "mapping", dict, False),
    (collections.abc.Mapping[str, int], "mapping", dict, False),
    (Color, "enum", Color, False),
    (Literal["a", None], "literal", None, True),
    (Literal[None], "none", type(None), True),
    (Page[int], "model", Page, False),
    (Interval, "scalar", Interval, False),
    (Range[int], "range", Range, False),
    (Multirange[int], "multirange", Multirange, False),
    (int | str | None, "union", None, True),
    (Alias[int], "sequence", list, False),
]


@pytest.mark.parametrize(("annotation", "kind", "type_", "optional"), KINDS)
def test_each_annotation_has_its_kind(
    annotation: Any, kind: str, type_: Any, optional: bool
) -> None:
    """Kind, class, and whether None may be."""
    hint = read(annotation)
    assert (hint.kind, hint.type, hint.optional) == (kind, type_, optional)


def test_inner_annotations_and_literals() -> None:
    """What is inside a container, a union or a Literal is read too."""
    assert [arg.type for arg in read(dict[str, list[int]]).args] == [str, list]
    assert [arg.type for arg in read(int | (str | float)).args] == [int, str, float]
    assert read(Literal["a", None, 1]).literals == ("a", 1)
    union = read(of(Optional, Annotated[int | str, Column(name="x")]))
    assert (union.optional, union.column) == (True, Column(name="x"))


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (T, int),
        (of(list, T), list[int]),
        (of(Optional, T), int | None),
        (of(Annotated, of(Optional, T), "x"), Annotated[int | None, "x"]),
        (of(dict, str, of(list, T)), dict[str, list[int]]),
        (of(Page, T), Page[int]),
    ],
)
def test_type_variables_are_replaced_throughout(annotation: Any, expected: Any) -> None:
    """No variable is left in the annotation that JSON decoders are given."""
    assert read(annotation, {T: int}).annotation == expected


def test_unbound_variables_have_their_default_or_bound() -> None:
    """Without arguments a variable is its default, or its bound, or a mistake."""
    assert read(of(list, WithDefault)).annotation == list[int]
    assert read(Bound).type is str
    with pytest.raises(ModelError, match=r"M\.f: type variable ~T is not bound"):
        read(of(list, T))
    with pytest.raises(ModelError, match="not bound"):
        read(of(list, T), {T: T})


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        (3, "not one that a column can fill"),
        ("Name", "cannot be resolved"),
        (typing.ClassVar[int], "not one that a column"),
        (Annotated[int, Column], "names the class"),
        (Annotated[int, Column("a"), Column("b")], "two Column"),
        (Annotated[Annotated[int, Column("a")], Column("b")], "two Column"),
        (
            of(list, int, str),
            "annotation list\\[int, str\\] has 2 types in its brackets, and list takes 1",
        ),
        (of(dict, str), "has 1 types in its brackets, and dict takes 2"),
        ({}, "not one that a column can fill"),
        (of(Alias, typing.ClassVar[int]), "takes no such type"),
    ],
)
def test_what_no_column_can_fill_is_refused(annotation: Any, message: str) -> None:
    """The class and the field are named."""
    with pytest.raises(ModelError, match=message) as caught:
        read(annotation)
    assert caught.value.message.startswith("M.f: ")
    assert (caught.value.model, caught.value.field) == ("M", "f")


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (None, "None"),
        (Any, "Any"),
        (int | None, "int | None"),
        (Optional[list[int]], "list[int] | None"),  # noqa: UP045
        (dict[str, Any], "dict[str, Any]"),
        (tuple[int, ...], "tuple[int, ...]"),
        (Literal["a", 1], "Literal['a', 1]"),
        (Literal[Color.RED], "Literal[Color.RED]"),
        (Annotated[int, Column()], "int"),
        (Page[int], "Page[int]"),
        (Id, "Id"),
        (typing.Dict, "dict"),  # noqa: UP006
        (of(list, typing.Sequence), "list[Sequence]"),
        (tuple[()], "tuple[()]"),
    ],
)
def test_annotations_are_shown_as_they_are_written(annotation: Any, text: str) -> None:
    """Messages show short names."""
    assert shown(annotation) == text


@pytest.mark.parametrize("name", ["List", "Dict", "Tuple", "Sequence", "Collection", "FrozenSet"])
def test_a_container_of_typing_alone_holds_anything(name: str) -> None:
    """As the class of the same name does, however deep it stands."""
    bare: Any = getattr(typing, name)
    plain = typing.get_origin(bare)
    assert read(bare) == read(plain)
    assert read(of(list, bare)).args == (read(plain),)


def test_codecs_are_told_apart_by_identity() -> None:
    """A codec without a hash, or equal to everything, is no trouble."""

    @attrs.define
    class Codec:
        def decode(self, value: Any) -> Any: ...
        def encode(self, value: Any) -> Any: ...

    one, other = Column(codec=Codec()), Column(codec=Codec())
    assert one != other
    assert hash(one) != hash(other) or one is not other
    assert one == Column(codec=one.codec)
