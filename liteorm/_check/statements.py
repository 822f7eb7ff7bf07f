"""One declared statement: what is asked of the server about it, and what follows from the answers.

A statement is described with the types that its parameters are sent with, in every way that they
come: small integers, None and an empty list are sent otherwise than the usual value. Where the
server refuses one of these ways, each parameter is tried alone, to name the one that is to blame.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from liteorm._check.answers import Answer, Asking, Query, Refusal, Reply
from liteorm._check.columns import column_problems
from liteorm._check.commands import (
    command_problems,
    constant_orders,
    never_sent,
    script_problem,
    takes_no_parameters,
)
from liteorm._check.parameters import (
    Declared,
    count_problem,
    declared_of,
    labels_problem,
    name_problems,
    numbered_problem,
    owner_of,
    parameter_problem,
)
from liteorm._check.problems import Problem
from liteorm._check.refusals import refused
from liteorm._check.sent import Oid, Sent, sent_as
from liteorm._check.variants import declared_in_variant, outside_problems, told
from liteorm._core.models.hints import Codec
from liteorm._core.scanning.types import BY_OID
from liteorm._core.sql.placeholders import lost_in
from liteorm._core.statements.contents import Variant
from liteorm._core.statements.statement import Command
from liteorm.errors import Error, ModelError
from liteorm.postgres._describing.shapes import Described, numbered


@attrs.define
class _Declaration:
    """A statement, and what is the same in all of its variants."""

    item: Command
    variants: list[Variant]

    @functools.cached_property
    def declared(self) -> list[Declared] | None:
        """The declared parameters of all variants."""
        return declared_of(self.item)


@attrs.frozen
class _Way:
    """One way in which the parameters come: when, and the types they are sent with."""

    when: str
    sent: tuple[int, ...]
    changed: tuple[int, ...] = ()
    """Indexes of the parameters that come otherwise than usual."""


@attrs.frozen
class _Text:
    """The text of a statement with its parameters, ready to be asked about."""

    statement: Command
    codecs: Mapping[Any, Codec]
    read: Described
    declared: tuple[Declared | None, ...]
    sent: tuple[Sent, ...]

    @property
    def usual(self) -> tuple[int, ...]:
        """The types of the usual values."""
        return tuple(sent.every[0] for sent in self.sent)

    def query(self, sent: Sequence[int], *, analysed: bool = False) -> Query:
        """Return the question with the parameters sent as given."""
        nulls = {
            number: item.nullable
            for number, item in enumerate(self.declared, 1)
            if item is not None
        }
        types = tuple(sent) if any(sent) else ()
        return Query(self.statement.sql, nulls, types, analysed)

    def alone(self, indexes: Sequence[int], sent: Sequence[int], others: Sequence[int]) -> Query:
        """Return the question with some parameters sent as given, and the rest otherwise."""
        return self.query([sent[n] if n in indexes else oid for n, oid in enumerate(others)])

    def at(self, index: int) -> int | None:
        """Return where a parameter's placeholder stands."""
        return next((start for n, start, _ in self.read.places if n == index + 1), None)

    def columns(self, answer: Answer) -> list[Problem]:
        """Return what does not fit between an answer and the model."""
        return list(column_problems(self.statement, answer, self.codecs))


def statement_problems(statement: Command, codecs: Mapping[Any, Codec], oid: Oid) -> Asking:
    """Ask about a statement in each of its variants, and return what is wrong with it."""
    variants = statement.variants()
    asking = [
        _variant_problems(_Declaration(statement, variants), variant, codecs, oid)
        for variant in variants
    ]
    found: list[list[Problem]] = [[] for _ in asking]
    going = {number: next(each) for number, each in enumerate(asking)}
    while going:
        replies = iter((yield [query for queries in going.values() for query in queries]))
        for number, queries in list(going.items()):
            try:
                going[number] = asking[number].send([next(replies) for _ in queries])
            except StopIteration as end:
                del going[number]
                found[number] = end.value
    return [*told(variants, found), *outside_problems(statement)]


def _variant_problems(
    declaration: _Declaration, variant: Variant, codecs: Mapping[Any, Codec], oid: Oid
) -> Asking:
    sql = variant.sql
    script = script_problem(declaration.item, sql)
    if script is not None:
        yield []
        return [never_sent(sql) or script]
    if refusal := never_sent(sql) or takes_no_parameters(sql):
        yield []
        return (yield from command_problems(sql, [refusal]))
    found = yield from _described_problems(declaration, variant, codecs, oid)
    if all(problem.code != "placeholder" for problem in found):
        found += constant_orders(sql)
    return (yield from command_problems(sql, found))


def _described_problems(
    declaration: _Declaration, variant: Variant, codecs: Mapping[Any, Codec], oid: Oid
) -> Asking:
    problems: list[Problem] = []
    statement = declaration.item.fixed(variant)
    text = _read(declaration, variant, codecs, oid, problems)
    if text is None:
        [reply] = yield [Query(statement.sql, sent=_of_values(declaration.item, oid))]
        if isinstance(reply, Refusal):
            return [*problems, refused(statement.sql, reply)]
        problems += _by_number(statement, reply)
        return [*problems, *column_problems(statement, reply, codecs)]
    ways = list(_ways(text))
    usual, *replies = yield [text.query(way.sent, analysed=not way.when) for way in ways]
    if isinstance(usual, Refusal):
        return problems + (yield from _usual_refused(text, usual))
    found = known = text.columns(usual)
    if by_number := _by_number(statement, usual):
        return [*problems, *by_number, *found]
    problems += yield from _mended_by_casts(text, usual, found)
    problems += _unfit(text, usual)
    others = list(zip(ways[1:], replies, strict=True))
    problems += yield from _others_refused(text, others)
    for way, reply in others:
        if isinstance(reply, Answer):
            said = text.columns(_with_nulls(reply, usual))
            problems += [p.when(way.when) for p in said if p not in known]
    return problems


def _by_number(statement: Command, answer: Answer) -> list[Problem]:
    problem = numbered_problem(statement.sql, len(answer.parameters))
    return [] if problem is None else [problem]


def _of_values(statement: Command, oid: Oid) -> tuple[int, ...]:
    """Return the types of the values that a statement's text brings along."""
    try:
        sent = tuple(oid(value) for value in statement._contents.values or ())
    except Error:
        return ()  # a call says what cannot be sent
    return sent if any(sent) else ()


def _with_nulls(answer: Answer, usual: Answer) -> Answer:
    """Return an answer with what can be NULL by another one: the types do not change it."""
    columns = tuple(
        attrs.evolve(
            column,
            nullable=known.nullable,
            nullable_within=known.nullable_within,
            joins=known.joins,
            reason=known.reason,
        )
        for column, known in zip(answer.shape.columns, usual.shape.columns, strict=True)
    )
    shape = attrs.evolve(answer.shape, columns=columns)
    return attrs.evolve(answer, shape=shape, insides=usual.insides)


def _read(
    declaration: _Declaration,
    variant: Variant,
    codecs: Mapping[Any, Codec],
    oid: Oid,
    problems: list[Problem],
) -> _Text | None:
    """Return the text with its declared parameters, None where none are known."""
    statement = declaration.item.fixed(variant)
    try:
        every = declaration.declared
        declared = declared_in_variant(declaration.item, declaration.variants, variant, every)
    except ModelError as error:
        problems.append(Problem("error", "model", error.message, error.hint))
        return None
    try:
        read = numbered(statement.sql)
    except Error:
        return None  # the question about it has the same answer
    if declared is None:
        return None
    owner = owner_of(statement)
    if read.names or not read.places:
        used = {read.names[n - 1]: start for n, start, _ in reversed(read.places)}
        used = {name: used[name] for name in read.names}
        problems += name_problems(declared, used, owner, every, lost_in(statement.sql))
        named = {item.name: item for item in declared}
        items: list[Declared | None] = [named.get(name) for name in read.names]
    elif len(declared) != len(read.places):
        problems.append(count_problem(declared, len(read.places), owner))
        return None
    else:
        items = list(declared)
    sent: list[Sent] = []
    for index, item in enumerate(items):
        try:
            sent.append(sent_as(item.hint, item.codec, codecs, oid) if item else Sent())
        except Error as error:
            at = next((start for n, start, _ in read.places if n == index + 1), None)
            message = f'parameter "{item.name if item else index}" cannot be sent: {error.message}'
            problems.append(Problem("error", "parameter-type", message, error.hint, at))
            items[index] = None
            sent.append(Sent())
    return _Text(statement, codecs, read, tuple(items), tuple(sent))


def _ways(text: _Text) -> Iterator[_Way]:
    """Yield the ways in which the parameters come; the usual one first."""
    usual = text.usual
    yield _Way("", usual)
    seen = {usual}

    def way(condition: str, oids: Mapping[int, int]) -> Iterator[_Way]:
        sent = tuple(oids.get(n, oid) for n, oid in enumerate(usual))
        if oids and sent not in seen:
            seen.add(sent)
            yield _Way(f"where {_named(text, list(oids))} {condition}", sent, tuple(oids))

    for number in range(1, max((len(sent.every) for sent in text.sent), default=0)):
        others = {n: s.every[number] for n, s in enumerate(text.sent) if len(s.every) > number}
        types = ", ".join(dict.fromkeys(_type_name(oid) for oid in others.values()))
        yield from way(f"comes as {types}", others)
    small = {n: s.small for n, s in enumerate(text.sent) if s.small is not None}
    yield from way("is a small number", small)
    yield from way("is empty", {n: 0 for n, s in enumerate(text.sent) if s.empty})
    yield from way("is None", {n: 0 for n, s in enumerate(text.sent) if s.none and usual[n]})


def _named(text: _Text, indexes: Sequence[int]) -> str:
    return " or ".join(f'"{_name(text, index)}"' for index in indexes)


def _name(text: _Text, index: int) -> str:
    item = text.declared[index]
    if item is not None:
        return item.name
    return text.read.names[index] if text.read.names else str(index + 1)


def _type_name(oid: int) -> str:
    return BY_OID[oid].name if oid in BY_OID else "a literal"


def _unfit(text: _Text, answer: Answer) -> Iterator[Problem]:
    """Yield parameters that come as literals, and are none of the type the server reads."""
    owner = owner_of(text.statement)
    for index, (item, type_) in enumerate(zip(text.declared, answer.parameters, strict=True)):
        if item is not None and 0 in text.sent[index].every:
            problem = parameter_problem(
                item, type_, owner, text.codecs, text.at(index)
            ) or labels_problem(item, type_, owner, text.at(index))
            if problem is not None:
                yield problem


def _mended_by_casts(text: _Text, usual: Answer, found: list[Problem]) -> Asking:
    """Say of which columns the type follows from that of a parameter."""
    if not any(text.usual) or all(problem.code != "column-type" for problem in found):
        return found
    [reply] = yield [text.query(())]
    if isinstance(reply, Refusal):
        return found
    without = text.columns(_with_nulls(reply, usual))
    changed = [
        (index, reply.parameters[index])
        for index, oid in enumerate(text.usual)
        if oid and oid != reply.parameters[index].oid
    ]
    if not changed:
        return found
    because = "; ".join(
        f'parameter "{_name(text, index)}" is sent as {_type_name(text.usual[index])}:'
        f" {_cast(text, index)}::{type_.name} makes it {type_.name}"
        for index, type_ in changed
    )
    return [
        attrs.evolve(problem, hint=f"{problem.hint}; {because}")
        if problem.code == "column-type" and problem not in without
        else problem
        for problem in found
    ]


def _cast(text: _Text, index: int) -> str:
    return f"%({_name(text, index)})s" if text.read.names else "%s"


def _usual_refused(text: _Text, refusal: Refusal) -> Asking:
    """Find out which parameter's type the server does not take."""
    usual = text.usual
    typed = [index for index, oid in enumerate(usual) if oid]
    if not typed:
        return [refused(text.statement.sql, refusal)]
    plain = [0] * len(usual)
    other = {n: sent.either[0] for n, sent in enumerate(text.sent) if sent.either}
    chosen = [other.get(n, oid) for n, oid in enumerate(usual)]
    ways = [text.query(chosen, analysed=True)] if other else []
    ways += [
        attrs.evolve(text.alone([n], chosen, usual), analysed=True) for n in other if len(other) > 1
    ]
    alone = [text.alone([index], usual, plain) for index in typed]
    untyped, *replies = yield [text.query((), analysed=True), *ways, *alone]
    for reply in replies[: len(ways)]:
        if isinstance(reply, Answer):
            return [*text.columns(reply), *_unfit(text, reply)]
    if isinstance(untyped, Refusal):
        return [refused(text.statement.sql, refusal)]
    pairs = list(zip(typed, replies[len(ways) :], strict=True))
    blamed = [(n, reply) for n, reply in pairs if isinstance(reply, Refusal)]
    problems = [
        _not_taken(text, index, untyped, reply)
        for index, reply in blamed or [(index, refusal) for index in typed]
    ]
    return problems + text.columns(untyped)


def _not_taken(text: _Text, index: int, untyped: Answer, refusal: Refusal) -> Problem:
    """Return the problem of a parameter whose type the server refuses."""
    item, type_ = text.declared[index], untyped.parameters[index]
    assert item is not None
    problem = parameter_problem(item, type_, owner_of(text.statement), text.codecs, text.at(index))
    return problem or _sent_as(text, index, text.usual[index], type_.name, refusal)


def _sent_as(text: _Text, index: int, oid: int, type_name: str, refusal: Refusal) -> Problem:
    said = refused(text.statement.sql, refusal).message
    name = _name(text, index)
    return Problem(
        "error",
        "parameter-type",
        f'parameter "{name}" is sent as {_type_name(oid)}: {said}'
        if oid
        else f'parameter "{name}" is sent without a type: {said}',
        f"cast it: {_cast(text, index)}::{type_name}",
        text.at(index),
    )


def _others_refused(text: _Text, others: Sequence[tuple[_Way, Reply]]) -> Asking:
    """Name the parameters that the server does not take when they come otherwise than usual."""
    bad = [(way, reply) for way, reply in others if isinstance(reply, Refusal)]
    asked = [(way, index) for way, _ in bad for index in way.changed if len(way.changed) > 1]
    replies = (
        (yield [text.alone([index], way.sent, text.usual) for way, index in asked]) if asked else []
    )
    singles = {(way, index): reply for (way, index), reply in zip(asked, replies, strict=True)}
    problems: list[Problem] = []
    for way, refusal in bad:
        blamed = {
            index: reply
            for index in way.changed
            if isinstance(reply := singles.get((way, index), refusal), Refusal)
        } or dict.fromkeys(way.changed, refusal)
        for index, reply in blamed.items():
            condition = f'where "{_name(text, index)}" {way.when.rpartition(chr(34))[2].strip()}'
            usual = _type_name(text.usual[index]) if text.usual[index] else "text"
            problem = _sent_as(text, index, way.sent[index], usual, reply)
            problems.append(problem.when(condition))
    return problems
