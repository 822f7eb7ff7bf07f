"""One level of a query: what its FROM brings, what its conditions say, and what is assumed.

An assumption is about an atom: that an outer join found no partner, that a column of a table is
NULL, that no row went into an aggregate, that a grouping set leaves a column out. Between them the
atoms of an expression decide whether it is NULL, so it is looked at for each combination of them
that the conditions let through.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Final

from attrs import Factory, define, field, frozen

from liteorm.postgres._describing.nulls.comparing import meet
from liteorm.postgres._describing.nulls.nodes import Node
from liteorm.postgres._describing.nulls.values import (
    ALWAYS,
    NEVER,
    SOME,
    UNKNOWN,
    Null,
    Value,
    shown,
)

if TYPE_CHECKING:
    from liteorm.postgres._describing.nulls.analysis import Analysis

NONE: Final = frozenset[int]()
NOT_FOLLOWED: Final = "what is stored in it, or a condition on it, is not followed"

EMPTY: Final = ("empty",)
"""The atom of a query that aggregates: no row went in."""


class Exhausted(Exception):
    """A statement takes too long to analyse."""


@frozen
class Total:
    """An aggregate over all rows of a table: with a row of it, it is never NULL.

    Of such a row these columns must not be NULL; then this is known of the aggregate as a number.
    """

    table: int
    columns: frozenset[int] = NONE
    const: Any = None


@define(eq=False)
class Col:
    """A column of something in FROM; an atom itself: that it is NULL where its row is there.

    `joins` are outer joins further in, on whose missing side it is: NULL if one has no partner.
    """

    null: int
    joins: frozenset[int] = NONE
    why: str = ""
    inside: Inside | None = None
    total: Total | None = None
    const: Any = None
    """What is known of it as a number, where something in FROM computes it."""


@define(eq=False)
class Rel:
    """Something in FROM, by the numbers of its columns."""

    cols: dict[int, Col] = Factory(dict[int, Col])
    joins: set[int] = Factory(set[int])
    """Outer joins of this level on whose missing side it is."""
    aliases: list[Node] | None = None
    """Columns that stand for expressions, as those of a join do."""
    system: int = UNKNOWN
    """What ctid, xmax and the like are."""
    why: str = ""
    certain: bool = False
    """There is at least one row in it."""
    names: dict[int, str] = Factory(dict[int, str])
    """The names of its columns, where a row of it is known by them."""
    types: dict[int, int] = Factory(dict[int, int])
    open: frozenset[int] = NONE
    """Its columns that may hold any value of their type."""
    table: int = 0
    """The oid of the table whose rows it is, where nothing hides some of them."""
    tables: frozenset[int] = NONE
    """The oids of such tables of which there is a row where it has one."""

    def col(self, number: int) -> Col:
        """Return a column; 0 is the whole row."""
        found = self.cols.get(number)
        if found is None:
            null = NEVER if number == 0 else self.system if number < 0 else UNKNOWN
            found = self.cols[number] = Col(null, why=self.why)
        return found


@frozen(eq=False)
class Condition:
    """What holds for each row for which these joins found their partner."""

    node: Node
    needs: frozenset[int] = NONE
    table: Rel | None = None
    """The table whose CHECK it is: it must not be false, and may be NULL."""


@frozen
class Out:
    """A column of a result.

    `null` is its state where the joins of `joins` all found a partner; it is NULL otherwise.
    """

    null: int
    joins: frozenset[int] = NONE
    why: str = ""
    whole: int | None = None
    """The state of a column that comes from joins in other ways."""
    within: int | None = None
    inside: Inside | None = None
    """What is inside, where it is put together by the statement."""
    total: Total | None = field(default=None, eq=False)
    const: Any = field(default=None, eq=False)
    """As of `Col`."""

    @property
    def state(self) -> int:
        """Whether it can be NULL at all."""
        if self.whole is not None:
            return self.whole
        return max(self.null, SOME) if self.joins and self.null != ALWAYS else self.null

    @property
    def nullable(self) -> Null:
        """The same for the user."""
        return shown(self.state)

    @property
    def nullable_within(self) -> Null:
        """Whether it can be NULL in a row where every outer join found a partner."""
        return shown(self.null if self.within is None else self.within)


@frozen
class Member:
    """A field of a row or object, or (without a name) an element of an array or list."""

    name: str
    type: int
    out: Out


@frozen
class Inside:
    """What is inside a value that a statement puts together.

    `form` is "array" or "row" of PostgreSQL's own, "list", "items" or "object" in JSON, or
    "unknown". Items are a list's elements in their order.
    """

    form: str
    parts: tuple[Member, ...]
    named: bool = False
    """A row has names: it is not made by ROW()."""


@frozen
class Result:
    """What is known of a query's result."""

    columns: tuple[Out, ...]
    certain: bool = False
    """There is at least one row."""
    possible: bool = True
    """A row is not ruled out."""
    blurred: bool = False
    names: tuple[str, ...] = ()
    types: tuple[int, ...] = ()
    tables: frozenset[int] = NONE
    """As of `Rel`."""

    def column(self, position: int) -> Out:
        """Return a column; nothing is known of one that should not be there."""
        if position < len(self.columns):
            return self.columns[position]
        return Out(UNKNOWN)


@define(eq=False)
class Level:
    """One query level, with the levels around it."""

    analysis: Analysis
    parent: Level | None = None
    rels: dict[int, Rel] = Factory(dict[int, Rel])
    ctes: dict[str, Result] = Factory(dict[str, Result])
    conditions: list[Condition] = Factory(list[Condition])
    having: list[Node] = Factory(list[Node])
    exclusive: list[tuple[int, int]] = Factory(list[tuple[int, int]])
    """The two sides of a FULL JOIN: one is there."""
    env: dict[Any, bool] = Factory(dict[Any, bool])
    fixed: dict[Any, bool] = Factory(dict[Any, bool])
    """What holds for all rows of the result."""
    follows: dict[int, frozenset[int]] = Factory(dict[int, frozenset[int]])
    """For a join those without whose partner it finds none itself."""
    blurred: set[Any] = Factory(set[Any])
    """Atoms that may be less free than they look: a condition is not understood."""
    windows: dict[int, int] = Factory(dict[int, int])
    rolled: dict[str, list[int]] = Factory(dict[str, list[int]])
    """Expressions that not every grouping set has, and their numbers."""
    kept: set[str] = Factory(set[str])
    """Those that every grouping set has, although sets may leave out columns of theirs."""
    loose: set[str] = Factory(set[str])
    """Those of them that are not columns. HAVING may see such a one before it is left out."""
    confused: bool = False
    """HAVING may see a column where its grouping set leaves it out."""
    sets: list[frozenset[int]] = Factory(list[frozenset[int]])
    filled: bool = True
    """A group has at least one row."""
    grouped: bool = False
    """Expressions are over groups now, not over rows."""
    complete: bool = False
    """It is a SELECT whose FROM is read to the end."""
    consts: dict[Col, list[tuple[Any, frozenset[int]]]] = Factory(
        dict[Col, list[tuple[Any, frozenset[int]]]]
    )
    """What its conditions tell of columns, where these joins found their partner."""
    told: dict[Col, Any] = Factory(dict[Col, Any])
    """What the branch of a CASE that is looked at tells of them."""
    branching: bool = False
    """It is being found out whether a branch of a CASE is reached."""
    expressions: dict[str, Any] = Factory(dict[str, Any])
    """The atoms of expressions that conditions name, by their texts."""
    answers: dict[Condition, tuple[list[Any] | None, dict[Any, Value]]] | None = None
    """What conditions give, by what is assumed of that which decides about them."""
    tests: list[Value] = Factory(list[Value])
    """The values that the CASEs around ask for."""
    subvalues: list[Result] = Factory(list[Result])
    """The rows that `x = ANY (SELECT …)` compares with."""
    changed: int = 0
    """The number of the table whose rows RETURNING shows."""
    versions: dict[int, Rel] = Factory(dict[int, Rel])
    """Its rows before and after, by `varreturningtype`: 1 is OLD, 2 is NEW."""

    def up(self, steps: int) -> Level:
        """Return the level that many levels further out."""
        level: Level = self
        for _ in range(steps):
            assert level.parent is not None
            level = level.parent
        return level

    def has_row_of(self, table: int, columns: frozenset[int] = NONE) -> bool:
        """Return whether a table has a row, because there is one here or around.

        None of these columns of that row is NULL.
        """
        found = any(
            (rel.table == table and self._has(rel, columns) if columns else table in rel.tables)
            and all(self.env.get(join) is False for join in rel.joins)
            for rel in self.rels.values()
        )
        return found or (self.parent is not None and self.parent.reads_row_of(table, columns))

    def reads_row_of(self, table: int, columns: frozenset[int] = NONE) -> bool:
        """Return the same for what is computed for each of its rows or groups."""
        rows = self.complete and (self.filled or self.env.get(EMPTY) is False)
        return rows and self.has_row_of(table, columns)

    def _has(self, rel: Rel, columns: frozenset[int]) -> bool:
        """Return whether none of some columns is NULL: of a group, in any of its rows."""
        if self.analysis.locking:
            return False
        with self.plainly() if self.grouped else nullcontext():
            return all(self.col_state(rel, rel.col(n)).null == NEVER for n in columns)

    @property
    def depth(self) -> int:
        """How many levels are around it."""
        return 0 if self.parent is None else self.parent.depth + 1

    @contextmanager
    def assuming(self, atoms: Mapping[Any, bool]) -> Generator[None]:
        """Assume something for a while."""
        before = self.env
        self.env = {**before, **atoms}
        try:
            yield
        finally:
            self.env = before

    @contextmanager
    def seeing(self, env: dict[Any, bool]) -> Generator[None]:
        """Assume nothing but this for a while."""
        before = self.env
        self.env = env
        try:
            yield
        finally:
            self.env = before

    @contextmanager
    def plainly(self) -> Generator[None]:
        """Assume only what holds for all rows."""
        before = self.env, self.told
        self.env, self.told = self.fixed, {}
        try:
            yield
        finally:
            self.env, self.told = before

    @contextmanager
    def branch(self, told: dict[Col, Any]) -> Generator[None]:
        """Look at a branch of a CASE, whose conditions tell something of columns."""
        before = self.told
        self.told = told
        try:
            yield
        finally:
            self.told = before

    @contextmanager
    def over(self, *, groups: bool) -> Generator[None]:
        """Look at expressions over groups, or over rows."""
        before = self.grouped
        self.grouped = groups
        try:
            yield
        finally:
            self.grouped = before

    def settle(self, atom: Any, holds: bool) -> None:
        """Note what holds for all rows."""
        self.fixed = {**self.fixed, atom: holds}
        self.env = {**self.env, atom: holds}

    def col_state(self, rel: Rel, col: Col) -> Value:
        """Return what is known of a column here."""
        state = col.null
        if (assumed := self.env.get(col)) is not None:
            state = ALWAYS if assumed else NEVER
        elif state == SOME and col in self.blurred:
            state = UNKNOWN
        for join in rel.joins | col.joins:
            if (missing := self.env.get(join)) is True:
                return Value(ALWAYS, true=False, false=False)
            if missing is None and state != ALWAYS:
                state = max(state, UNKNOWN if join in self.blurred else SOME)
        if state == ALWAYS:
            return Value(ALWAYS, true=False, false=False)
        const = self._const(rel, col)
        truth = const[1] if const is not None and const[0] == "bool" else None
        return Value(
            state,
            true=truth is not False,
            false=truth is not True,
            const=const,
            why=col.why or (NOT_FOLLOWED if state == UNKNOWN else ""),
        )

    def _const(self, rel: Rel, col: Col) -> Any:
        """Return the constant that a column is, where it is not NULL."""
        found = self.told.get(col)
        if col.const is not None:
            found = col.const if found is None else meet(found, col.const)
        for const, needs in self.consts.get(col, ()):
            # On the missing side of a join it is NULL; elsewhere the join found its partner.
            if all(join in rel.joins or self.env.get(join) is False for join in needs):
                found = const if found is None else meet(found, const)
        return found
