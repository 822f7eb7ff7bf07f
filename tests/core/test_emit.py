"""The generated code is what a person would have written: `snapshots/` shows it.

`LITEORM_GOLDEN=1 pytest tests/core/test_emit.py` writes the files anew, to be read.
"""

from __future__ import annotations

import ast
import dataclasses
import enum
import os
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypedDict

import attrs
import pytest

from liteorm import Column, Interval
from liteorm._core.scanning.emit import emit_scan
from liteorm._core.scanning.plan import plan_scan
from liteorm._core.scanning.shape import Shape
from liteorm._core.scanning.types import Attribute, PgType, array_of
from tests.core.rows import BY_NAME, shape

SNAPSHOTS = Path(__file__).with_name("snapshots")


class Color(enum.Enum):
    RED = "red"


@attrs.define
class User:
    id: int
    name: str
    email: str | None = None


@attrs.frozen(kw_only=True)
class Keyword:
    id: int
    _secret: str


@attrs.define
class Post:
    title: str
    author: User | None
    tags: list[str] = attrs.Factory(list[str])


@dataclasses.dataclass
class Order:
    doc: dict[str, Any]
    color: Color
    span: Interval
    codes: set[int] | None


class Line(NamedTuple):
    a: int
    b: str = "x"


class Typed(TypedDict):
    a: int


@attrs.define
class Basket:
    lines: list[Line | None]
    owner: tuple[int, str]
    grid: list[list[int]]


class Codec:
    """A codec that changes nothing."""

    def decode(self, value: Any) -> Any:
        return value

    def encode(self, value: Any) -> Any:
        return value


@attrs.define
class Coded:
    a: Annotated[int, Column(codec=Codec())]
    b: Annotated[int | None, Column(codec=Codec())]


PAIR = PgType(
    20_000,
    "pair",
    "composite",
    tuple,
    attributes=(Attribute("a", BY_NAME["integer"]), Attribute("b", BY_NAME["text"])),
)

CASES: dict[str, tuple[Any, Shape]] = {
    "attrs": (User, shape(id="integer", name="text", email="text")),
    "attrs_default_absent": (User, shape(name="text", id="integer")),
    "attrs_keyword": (Keyword, shape(id="integer", secret="text")),
    "nested": (
        Post,
        shape(title="text", author__id="integer", author__name="text", author__email="text"),
    ),
    "steps": (
        Order,
        shape(doc="jsonb", color="text", span="interval", codes="integer[]"),
    ),
    "composites": (
        Basket,
        shape(lines=array_of(PAIR, 20_001), owner=PAIR, grid="integer[]"),
    ),
    "codecs": (Coded, shape(a="integer", b="integer")),
    "namedtuple": (Line, shape(b="text", a="integer")),
    "typeddict": (Typed, shape(a="integer")),
    "dict": (dict[str, Any], shape(a="integer", b="text")),
    "tuple": (tuple[int, str | None], shape(a="integer", b="text")),
    "scalar": (int, shape(a="integer")),
    "record": (tuple[tuple[int, str]], shape(row="record")),
    "awkward_names": (
        dict[str, int],
        attrs.evolve(
            shape(a="integer", b="integer", c="integer", d="integer", e="integer", f="integer"),
            names=("class", "rows", "1x", "a.b", "a_b", "é"),
        ),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_generated_code_is_as_reviewed(name: str) -> None:
    """A change of the generated code shows in a file."""
    model, columns = CASES[name]
    source = emit_scan(plan_scan(model, columns))
    path = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("LITEORM_GOLDEN"):
        path.write_text(source.text, "utf-8")
    assert source.text == path.read_text("utf-8")
    ast.parse(source.text)


@pytest.mark.parametrize("name", CASES)
def test_each_place_stands_on_its_own_line(name: str) -> None:
    """The line of a traceback tells the column, so no line may fill two."""
    model, columns = CASES[name]
    source = emit_scan(plan_scan(model, columns))
    lines = source.text.splitlines()
    assert all(0 < number <= len(lines) and lines[number - 1].strip() for number in source.places)
    filled = {place.column for place in source.places.values()}
    assert filled == set(columns.names)


@pytest.mark.parametrize("name", CASES)
def test_every_name_is_bound(name: str) -> None:
    """What the code reads is a variable of its own, a constant, or one of the few helpers."""
    model, columns = CASES[name]
    source = emit_scan(plan_scan(model, columns))
    tree = ast.parse(source.text)
    read = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    bound = {
        n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }
    bound |= {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
    bound |= {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}
    bound |= {constant.name for constant in source.constants}
    helpers = {"null", "too_deep", "too_flat", "wrong_length"}
    builtins = {"type", "list", "set", "frozenset", "tuple", "len"}
    assert read - bound <= helpers | builtins
    assert not {constant.name for constant in source.constants} & (helpers | builtins)
