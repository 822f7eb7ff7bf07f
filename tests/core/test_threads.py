"""What threads share of the mapper: what is kept of classes, statements, compiled functions.

Without a GIL every step of one thread may fall between any two of another. With one they do so
seldom; the switches are made as often as can be.
"""

from __future__ import annotations

import gc
import linecache
import sys
import sysconfig
import weakref
from functools import partial
from typing import Any, Generic, TypeVar

import attrs
import pytest

from liteorm import scan, statement
from liteorm._core import belonging
from liteorm._core.generated import compiled
from liteorm._core.living import Living
from liteorm._core.models.classes import model_of
from liteorm._core.scanning.scan import scanner_for
from liteorm._core.statements.statement import declared_in
from tests.core.rows import rows, shape
from tests.threads import at_once, line_by_line

T = TypeVar("T")
THREADS = 4


@attrs.define
class Pair(Generic[T]):
    first: int
    second: T


@belonging.with_class
def _doubled(tp: Any, number: int) -> int:
    return 2 * number


@pytest.mark.parametrize("tp", [int, Pair, Pair[int]], ids=["int", "a class", "generic"])
def test_what_is_kept_is_found_while_others_make_room(tp: Any) -> None:
    """Threads that keep more of a type than there is room for get what they asked for."""

    def ask(start: int) -> None:
        for _ in range(5):
            for number in range(start, start + 600):
                assert _doubled(tp, number) == 2 * number

    at_once(*(partial(ask, 100 * number) for number in range(THREADS)))


def test_what_is_kept_may_go_right_after_it_was_found() -> None:
    """Who looks for something gets it, also where others let it go in that very moment."""

    def ask(start: int) -> None:
        for number in range(start, start + 40):
            assert _doubled(Pair[bool], number) == 2 * number

    for number in range(600):
        _doubled(Pair[bool], number)
    # Those who make room go through what is kept from its beginning, and overtake the others.
    starts = (94, 97, 100, 103, 600, 700)
    with line_by_line(_doubled):
        at_once(*(partial(ask, start) for start in starts))


def test_a_class_met_by_many_threads_is_read_alike() -> None:
    """New classes are understood, and scanned into, by several threads at the same moment."""
    for number in range(20):

        @attrs.define
        class Row:
            id: int
            name: str | None = None

        found: list[Any] = []
        columns = shape(id="integer", name="text")

        def read(
            cls: Any = Row, columns: Any = columns, number: int = number, found: list[Any] = found
        ) -> None:
            model = model_of(cls)
            assert [field.name for field in model.fields] == ["id", "name"]
            scanner = scanner_for(cls, columns)
            assert scanner.model is cls
            told = scan(rows(columns, (number, "a"), (number, None)), cls)
            found.append([(each.id, each.name) for each in told])
            assert [type(each) for each in told] == [cls, cls]

        at_once(*[read] * THREADS)
        assert found == [[(number, "a"), (number, None)]] * THREADS


def test_equal_types_stand_for_one() -> None:
    """Of equal generic types that several threads bring, one object stands for all from then on."""
    for _ in range(30):

        @attrs.define
        class Box(Generic[T]):
            inside: T

        found: list[Any] = []

        def stand(cls: Any = Box, found: list[Any] = found) -> None:
            found.append(belonging.same(cls[int]))

        at_once(*[stand] * THREADS)
        assert all(each is found[0] for each in found)
        assert belonging.same(Box[int]) is found[0]


def test_statements_are_listed_while_others_are_declared() -> None:
    """Threads may import modules with statements while the statements of one are listed."""
    mine = statement(int, "SELECT 1")
    others: list[Any] = []

    def declare() -> None:
        for number in range(2000):
            others.append(statement(int, f"SELECT {number}"))
            if number % 100 == 0:
                others.clear()

    def look() -> None:
        for _ in range(200):
            assert mine in declared_in(__name__)

    at_once(declare, declare, look, look)


def test_generated_functions_of_many_threads_have_names_of_their_own() -> None:
    """Each one's traceback shows its own source; all of it goes with the functions."""
    made: list[tuple[Any, str, int]] = []

    def generate(start: int) -> None:
        for number in range(start, start + 200):
            function, name = compiled(
                f"def build():\n    return {number}\n", {}, "build", "test of threads"
            )
            made.append((function, name, number))

    at_once(*(partial(generate, 1000 * number) for number in range(THREADS)))
    names = {name for _, name, _ in made}
    assert len(names) == len(made) == 200 * THREADS
    for function, name, number in made:
        assert function() == number
        assert linecache.getline(name, 2) == f"    return {number}\n"
    functions = [(weakref.ref(function), name) for function, name, _ in made]
    made.clear()
    del function
    gc.collect()
    # Python 3.13 without a GIL keeps some functions for good, and so the lines of these.
    alive = {name for function, name in functions if function() is not None}
    assert names & linecache.cache.keys() == alive
    if sys.version_info[:2] != (3, 13) or not sysconfig.get_config_var("Py_GIL_DISABLED"):
        assert not alive


class Thing:
    """Something that can be held weakly."""


def test_living_ones_are_looked_through_while_others_come_and_go() -> None:
    """No thread sees one that is gone, or misses one that is held."""
    living = Living[Thing]()
    held = [Thing() for _ in range(5)]
    for each in held:
        living.add(each)

    def come_and_go() -> None:
        for _ in range(3000):
            thing = Thing()
            living.add(thing)
            living.discard(thing)
            living.add(Thing())

    def look() -> None:
        for _ in range(300):
            assert {*held} <= {*living}

    at_once(come_and_go, come_and_go, look, look)
    gc.collect()
    assert {*living} == {*held}
    living.discard(held.pop())
    assert {*living} == {*held}
