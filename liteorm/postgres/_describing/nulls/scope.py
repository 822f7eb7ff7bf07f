"""What names mean inside a query: relations, their columns, and where an outer join adds NULLs."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from itertools import count

from attrs import Factory, define, frozen

from liteorm.postgres._describing.nulls.facts import Facts, Null

_joins = count(1)


def grouping_number() -> int:
    """Return a number, as if of an outer join, for the NULLs that GROUPING SETS put in."""
    return next(_joins)


@define(eq=False)
class Col:
    """A column of something in FROM.

    `outer` holds the outer joins whose missing side it is on: while it is not empty, NULL can come
    from there, whatever `null` says of the column itself.
    """

    name: str
    null: Null
    plain: bool = False
    outer: set[int] = Factory(set[int])
    within: Null = Factory(lambda self: self.null, takes_self=True)
    """Whether it can be NULL where outer joins further in found a partner."""

    def become(self, null: Null) -> None:
        """Note what is known of the column itself."""
        self.null = self.within = null


@define(eq=False)
class Rel:
    """Something in FROM under one name. `open` means that it may have columns not known here."""

    name: str | None
    cols: list[Col]
    open: bool = False
    schema: str | None = None
    row: Col = Factory(lambda: Col("", False))

    def every_col(self) -> Iterator[Col]:
        """Yield the columns, and the one that stands for the whole row."""
        yield self.row
        yield from self.cols


@define(eq=False)
class Tree:
    """A joined part of FROM: what names reach, and what `*` gives."""

    rels: list[Rel]
    star: list[Col]
    hidden: list[Col] = Factory(list[Col])
    """Columns that only an aliased join's own alias covers; conditions may still say of them."""
    open: bool = False

    def every_col(self) -> list[Col]:
        """Return each column below this tree once."""
        found = dict.fromkeys(self.hidden)
        for rel in self.rels:
            found.update(dict.fromkeys(rel.every_col()))
        found.update(dict.fromkeys(self.star))
        return list(found)

    def extend_with_nulls(self) -> None:
        """Put the tree on the missing side of one more outer join."""
        join = next(_joins)
        for col in self.every_col():
            col.outer.add(join)

    def require(self, cols: Iterable[Col]) -> None:
        """Note that rows in which one of these is NULL are filtered out.

        A column that an outer join filled with NULL is then not, nor is any other of its side.
        """
        own = self.every_col()
        required = [col for col in cols if col in own]
        real = {join for col in required for join in col.outer}
        for col in required:
            col.become(False)
        for col in own:
            col.outer -= real


def joined(*trees: Tree) -> Tree:
    """Return several trees side by side."""
    return Tree(
        [rel for tree in trees for rel in tree.rels],
        [col for tree in trees for col in tree.star],
        [col for tree in trees for col in tree.hidden],
        any(tree.open for tree in trees),
    )


@frozen
class Out:
    """A column of a result."""

    name: str
    null: Null
    plain: bool = False
    within: Null = Factory(lambda self: None if self.null else self.null, takes_self=True)
    """Whether it can be NULL in a row where every outer join found a partner."""


@frozen
class Output:
    """A query's result: its columns, or None where a `*` cannot be told; at least one row?"""

    columns: tuple[Out, ...] | None
    certain: bool = False


@define
class Level:
    """One query level: its own FROM, and the levels around it."""

    facts: Facts
    params: dict[int, Null]
    parent: Level | None = None
    trees: list[Tree] = Factory(list[Tree])
    ctes: dict[str, Output] = Factory(dict[str, Output])
    windows: dict[str, int] = Factory(dict[str, int])
    grouped: bool = False
    """Every group has at least one row."""
    grouping: int | None = None
    """The join number under which GROUPING SETS put NULLs into columns."""
    opaque: bool = False
    """GROUPING SETS put NULLs into expressions that are not followed."""
    aggregating: bool = False
    _assumed: list[Col] = Factory(list[Col])

    def cte(self, name: str) -> Output | None:
        """Return the result of a WITH query in sight."""
        level: Level | None = self
        while level is not None:
            if name in level.ctes:
                return level.ctes[name]
            level = level.parent
        return None

    def inner(self) -> Level:
        """Return a level below this one."""
        return Level(self.facts, self.params, self)

    def find(self, names: tuple[str, ...]) -> Col | None:
        """Return the column (or whole row) that a reference means; None when not certain."""
        level: Level | None = self
        while level is not None:
            found, certain = level._find_here(names)
            if found is not None or not certain:
                return found
            level = level.parent
        return None

    def _find_here(self, names: tuple[str, ...]) -> tuple[Col | None, bool]:
        if len(names) == 1:
            return self._find_bare(names[0])
        *before, last = names
        rel = self.rel(tuple(before))
        if rel is None:
            # It may be an attribute of a composite column, which is nothing known.
            return None, self._find_bare(names[0])[0] is None and not self._is_open()
        for col in rel.cols:
            if col.name == last:
                return col, True
        return (rel.row if last in _SYSTEM and not rel.open else None), False

    def _find_bare(self, name: str) -> tuple[Col | None, bool]:
        cols = {id(col): col for tree in self.trees for col in tree.star if col.name == name}
        if cols:
            return (next(iter(cols.values())) if len(cols) == 1 else None), False
        if self._is_open():
            return None, False
        rel = self.rel((name,))
        return (rel.row if rel is not None else None), rel is None

    def _is_open(self) -> bool:
        return any(tree.open for tree in self.trees)

    def rel(self, names: tuple[str, ...]) -> Rel | None:
        """Return the relation of this level with this name, with or without its schema."""
        *before, last = names
        schema = before[-1] if before else None
        for tree in self.trees:
            for rel in tree.rels:
                if rel.name == last and schema in (None, rel.schema):
                    return rel
        return None

    @contextmanager
    def assuming(self, cols: Iterable[Col]) -> Generator[None]:
        """Take these columns as not NULL for a while, as inside a CASE."""
        before = len(self._assumed)
        self._assumed += cols
        yield
        del self._assumed[before:]

    def null_of(self, col: Col) -> Null:
        """Return whether a column can be NULL here."""
        level: Level | None = self
        assumed: list[Col] = []
        while level is not None:
            assumed += level._assumed
            level = level.parent
        if any(col is other for other in assumed):
            return False
        outer = col.outer - {join for other in assumed for join in other.outer}
        if self.aggregating:
            outer = outer - {self.grouping}
        return True if outer else col.null

    def within(self, col: Col) -> Null:
        """Return whether a column can be NULL where every outer join found a partner."""
        if self.null_of(col) is False:
            return False
        return None if self.grouping in col.outer else col.within


_SYSTEM = frozenset({"tableoid", "ctid", "xmin", "xmax", "cmin", "cmax"})
