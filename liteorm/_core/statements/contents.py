"""What a statement sends: its text in every form, and the parameters of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from keyword import iskeyword
from typing import Any

from attrs import define, evolve, field, frozen

from liteorm._core.generated import compiled
from liteorm._core.sql.lexer import Placeholder, place, placeholders
from liteorm._core.sql.near import other_names
from liteorm._core.sql.placeholders import Style, names_in
from liteorm._core.statements.forms import Form, Text, in_line
from liteorm._core.statements.signature import binder, check_names, check_words, parameters_of
from liteorm.errors import StatementError


class StatementText(str):
    """SQL of a statement that has a name, or of several, which observers are told."""

    __slots__ = ("statement",)
    statement: str | None


@frozen
class Variant:
    """One text that a statement may send, for the check.

    Attributes:
        when: Which one it is: `sort="title"`, `without optional parts`; empty if there is one only.
        sql: The text, with the driver's placeholders.
        names: The names of its placeholders, in order.
        given: Those which are not None, because a part that is there depends on them.
    """

    when: str
    sql: str
    names: tuple[str, ...]
    given: frozenset[str] = frozenset()
    _texts: tuple[Text, ...] = ()

    def written(self, at: int) -> int:
        """Return where in the declared text a place of this one is written."""
        begin = 0
        for text in self._texts:
            if at < begin + len(text.text):
                return text.start + (0 if text.whole else at - begin)
            begin += len(text.text)
        return at if not self._texts else self._texts[-1].start


def _no_key(_: Mapping[str, Any]) -> tuple[Any, ...]:
    return ()


@define(eq=False)
class Contents:
    """The text of a statement, and how a call's arguments become its parameters."""

    sql: str
    style: Style
    values: list[Any] | None = None
    """Values that the text brings along."""
    form: Form | None = None
    names: tuple[str, ...] = ()
    """All parameters by name: placeholders, flags and choices, in the order they come."""
    source: str = ""
    """The text as it was declared."""
    name: str | None = None
    binds: Callable[..., Any] | None = None
    """Takes a call's arguments and gives the parameters."""
    calls: Callable[..., tuple[Any, Any]] | None = None
    """The same behind the text, or behind what says which of the texts it is."""
    varies: bool = field(init=False, default=False)
    """Whether the text depends on the parameters."""
    _known: frozenset[str] = field(init=False, default=frozenset())
    sendable: frozenset[str] = field(init=False, default=frozenset())
    """The names of placeholders."""
    _texts: dict[Any, tuple[str, tuple[str, ...]]] = field(init=False, factory=dict[Any, Any])
    _flags: frozenset[str] = field(init=False, default=frozenset())
    _key: Callable[[Mapping[str, Any]], tuple[Any, ...]] = field(init=False, default=_no_key)
    _groups: tuple[tuple[str, ...], ...] = field(init=False, default=())

    def __attrs_post_init__(self) -> None:
        self._known = frozenset(self.names)
        if self.name is not None:
            self.called(self.name)
        if self.form is not None:
            self._groups = self.form.groups
            self.varies = bool(self._groups or self.form.choices)
        if self.form is None or not self.varies:
            self.sendable = self._known
            return
        sent = {name for text in self._all_texts() for name in names_in(text)}
        self.sendable = frozenset(sent) if self.style == "named" else frozenset()
        self._flags = self._known - self.sendable - set(self.form.choices)
        self._key = self._combination()

    def _combination(self) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
        """Return a generated function that says which of the texts a call means."""
        assert self.form is not None
        source = f"def combination(given):\n    return {self._asked('given[{!r}]')}\n"
        made: Callable[[Mapping[str, Any]], tuple[Any, ...]]
        made, _ = compiled(source, {}, "combination", "combination of a statement")
        return made

    def _asked(self, given: str) -> str:
        """Return the source of what tells the texts apart, from how a parameter is written."""
        assert self.form is not None
        names = dict.fromkeys(name for group in self._groups for name in group)
        asked = [
            f"not {given.format(name)}" if name in self._flags else f"{given.format(name)} is None"
            for name in names
        ]
        asked += [given.format(name) for name in self.form.choices]
        return f"({''.join(f'{each}, ' for each in asked)})"

    def called(self, name: str) -> None:
        """Give it a name, which goes with each of its texts."""
        self.name = name
        self.sql = _named(self.sql, name)

    def sender(self) -> Callable[..., tuple[str, Any]]:
        """Return what is called as the statement is, and gives the text and the parameters.

        It raises TypeError for others than the statement takes, ValueError for an unknown word.
        Each kind of statement has one of its own, since every call goes through it.
        """
        if self.calls is not None and not self.varies:
            return self.calls
        sql, known, binds, calls = self.sql, self._known, self.binds, self.calls
        texts = self._texts

        def bound_and_assembled(*args: Any, **named: Any) -> tuple[str, Any]:
            assert calls is not None
            key, given = calls(*args, **named)
            try:
                text, names = texts[key]
            except (KeyError, TypeError):
                return self._assembled(given)
            if self.style != "named":
                return text, None
            value_of: Callable[[str], Any] = given.__getitem__
            return text, dict(zip(names, map(value_of, names), strict=True))

        def by_name(*args: Any, **named: Any) -> tuple[str, Any]:
            if args or named.keys() != known:
                raise TypeError(self._misused(args, named))
            return (sql, named) if not self.varies else self._assembled(named)

        places = len(placeholders(sql)) if self.style == "positional" else 0

        def by_place(*args: Any, **named: Any) -> tuple[str, Any]:
            if named or len(args) != places:
                raise TypeError(self._misused(args, named))
            return sql, args

        def by_nothing(*args: Any, **named: Any) -> tuple[str, Any]:
            if binds is not None:
                binds(*args, **named)
            elif args or named:
                raise TypeError(self._misused(args, named))
            return sql, self.values

        if self.varies:
            return by_name if calls is None else bound_and_assembled
        if self.style == "none":
            return by_nothing
        return by_name if self.style == "named" else by_place

    def _assembled(self, given: Mapping[str, Any]) -> tuple[str, Any]:
        key = self._key(given)
        try:
            found = self._texts.get(key)
        except TypeError:
            found = None
        if found is None:
            found = self._texts[key] = self._written(given)
        text, names = found
        if self.style != "named":
            return text, None
        return text, {name: given[name] for name in names}

    def _written(self, given: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
        """Return the text of a combination and its names; the same object for the same text."""
        assert self.form is not None
        on = {name for name in self._known if self._is_on(name, given)}
        text = self.form.text(on, self._words(given))
        for known in self._texts.values():
            if known[0] == text:
                return known
        return text if self.name is None else _named(text, self.name), tuple(names_in(text))

    def _is_on(self, name: str, given: Mapping[str, Any]) -> bool:
        return bool(given[name]) if name in self._flags else given[name] is not None

    def _words(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the chosen words, each of which is known or None."""
        assert self.form is not None
        words = {name: given[name] for name in self.form.choices}
        for name, word in words.items():
            if word is not None:
                self.form.option(name, word)
        return words

    def _misused(self, args: tuple[Any, ...], named: Mapping[str, Any]) -> str:
        name = self.name or "the statement"
        if self.style == "named" or self.varies:
            takes = ", ".join(self.names) or "nothing"
            if args:
                return f"{name} takes its parameters by name: {takes}"
            wrong, meant = other_names(named, self.names)
            return f"{name} takes {takes}: {wrong}" + (f"; {meant}" if meant else "")
        if self.style == "positional":
            if named:
                return f"{name} takes its parameters by position (%s), not by name"
            count = len(placeholders(self.sql))
            listed = count > 1 and [type(each) for each in args] in ([list], [tuple])
            advice = ": give them one by one, not in a list" if listed else ""
            return f"{name} takes {_counted(count)} (%s), and got {len(args)}{advice}"
        if self.values is None and placeholders(self.sql):
            return f"{name} takes no parameters: a placeholder in quotes or a comment is just text"
        return f"{name} takes no parameters"

    def declared(self, function: Any) -> Contents:
        """Return the same with the signature of a function.

        Raises:
            StatementError: The signature is not the statement's.
        """
        name = function.__name__
        parameters = parameters_of(function)
        if self.style == "positional" or self.values is not None:
            count = 0 if self.values is not None else len(placeholders(self.sql))
            if len(parameters) != count:
                raise StatementError(
                    f"{name} has {_counted(len(parameters))}, and the SQL takes {count}",
                    hint="declare one for each %s, in their order",
                )
        else:
            self._check_declarable()
            check_names(name, parameters, self._uses())
            if self.form is not None:
                check_words(function, parameters, self.form.choices)
        by_name = self.style != "positional"
        made = evolve(self, name=name, binds=binder(function, parameters, by_name))
        if self.values is not None:
            made.binds = None
        elif made.varies:
            made.calls = binder(function, parameters, by_name, made._asked("{}"))
        elif made.style != "none":
            made.calls = binder(function, parameters, by_name, sql=made.sql)
        return made

    def _check_declarable(self) -> None:
        for found in placeholders(self.sql):
            if self.style == "named" and not found.inside:
                line = place(self.sql, found.start)[0]
                check_placeholder(found, in_line(line), marked=False)

    def _uses(self) -> dict[str, str]:
        """Return how the SQL uses each of its names, for messages."""
        uses = dict.fromkeys(self.names, "")
        for found in placeholders(self.sql) if self.style == "named" else ():
            if found.name is not None and not uses.get(found.name):
                uses[found.name] = f"%({found.name})s in line {place(self.sql, found.start)[0]}"
        if self.form is not None:
            for part in self.form.parts:
                for name in part.names:
                    uses[name] = uses[name] or f"--? {name} in line {part.line}"
            for name in self.form.choices:
                uses[name] = f"{{{name}}}"
        return {name: how or f"%({name})s in a choice" for name, how in uses.items()}

    def variants(self) -> list[Variant]:
        """Return the texts to check: every choice; parts all on, all off and each alone."""
        if self.form is None:
            return [Variant("", self.sql, tuple(names_in(self.sql)))]
        every = {name for group in self._groups for name in group}
        first = self.form.first_words()
        wanted: list[tuple[str, set[str], dict[str, str]]] = []
        for name, options in self.form.choices.items():
            wanted += [(f'{name}="{word}"', every, {**first, name: word}) for word in options]
        if not wanted:
            wanted.append(("with all optional parts" if self._groups else "", every, first))
        if self._groups:
            wanted.append(("without optional parts", set(), first))
        if len(self._groups) > 1:
            wanted += [(f"with {' and '.join(g)} alone", set(g), first) for g in self._groups]
        found: dict[str, Variant] = {}
        for when, on, words in wanted:
            texts = self.form.texts(on, words)
            sql = "".join(text.text for text in texts)
            given = frozenset(on - self._flags - set(words))
            made = Variant(when, sql, tuple(names_in(sql)), given, tuple(texts))
            found.setdefault(sql, made)
        return list(found.values())

    def used_elsewhere(self) -> list[str]:
        """Return the parameters that a part depends on and that are sent without it, as None."""
        if self.form is None:
            return []
        names = dict.fromkeys(name for group in self._groups for name in group)
        return [name for name in names if name in names_in(self.form.texts_outside(name))]

    def _all_texts(self) -> list[str]:
        assert self.form is not None
        options = [text for each in self.form.choices.values() for text in each.values()]
        return [self.form.all_on(), *options]


def _named(text: str, name: str) -> StatementText:
    made = StatementText(text)
    made.statement = name
    return made


def _counted(count: int) -> str:
    return "1 parameter" if count == 1 else f"{count or 'no'} parameters"


def check_placeholder(found: Placeholder, where: str, *, marked: bool) -> None:
    """Refuse a placeholder that no parameter of a function can belong to.

    Raises:
        StatementError: It has no name, or one that is no identifier.
    """
    if found.name is None:
        what = "marks and choices go" if marked else "%(name)s goes"
        raise StatementError(
            f"{where}: {what} with parameters that have names, and there is a %s",
            hint="write %(name)s everywhere",
        )
    if not found.name.isidentifier() or iskeyword(found.name):
        raise StatementError(
            f"{where}: {found.name!r} cannot be the name of a parameter",
            hint="name it as a parameter of a Python function can be named",
        )
