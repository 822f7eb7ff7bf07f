"""The text of a statement as it is written: what its marks, braces and choices mean."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from attrs import evolve, frozen

from liteorm._core.models.annotations import shown
from liteorm._core.sql.columns import columns
from liteorm._core.sql.lexer import place, placeholders, tokens
from liteorm._core.sql.placeholders import Style, lost_in, names_in, style_of
from liteorm._core.sql.text import Sql, is_template, rendered, values_in
from liteorm._core.statements.contents import Contents, check_placeholder
from liteorm._core.statements.forms import (
    Choice,
    Form,
    Part,
    Piece,
    Text,
    Where,
    choices_in,
    in_line,
    joined,
    read_form,
)
from liteorm.errors import ModelError, StatementError

Choices = Mapping[str, Mapping[str, Any]]
_COLUMNS = "columns"


def contents_of(
    text: object, model: Any, choices: Choices | None = None, where: Where = in_line
) -> Contents:
    """Read the text of a statement.

    Raises:
        StatementError: A mark, a choice or a name in it is wrong.
    """
    if is_template(text) or values_in(text):
        sql, values = rendered(text)
        written = _Written(sql, "positional", model, {}, where)
        if choices:
            raise StatementError(
                "SQL with values of its own goes with no choices",
                hint="write placeholders, %(name)s, for the values",
            )
        return Contents(written.plain(), "none", values=values or None, source=sql)
    _check_kinds(choices)
    escaped = rendered(text, ())[0]
    options = {
        name: {word: _option_text(name, word, option, True) for word, option in each.items()}
        for name, each in (choices or {}).items()
    }
    style = _style(escaped, options)
    if style == "none":
        escaped = rendered(text)[0]
        options = {
            name: {word: _option_text(name, word, option, False) for word, option in each.items()}
            for name, each in (choices or {}).items()
        }
    else:
        _check_placeholders(escaped, where)
        for name, each in options.items():
            for word, option in each.items():
                _check_placeholders(option, _always(f"choice {name}, {word!r}"))
    return _Written(escaped, style, model, options, where).contents()


def _check_kinds(choices: Mapping[Any, Any] | None) -> None:
    """Refuse choices that are not words with their SQL."""
    if choices is None:
        return
    if not isinstance(choices, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(
            "choices= maps each name in braces to its words and their SQL, "
            f"{{name: {{word: SQL}}}}; it is a {type(choices).__name__}"
        )
    for name, words in choices.items():
        if not isinstance(name, str):
            raise TypeError(f"a choice has a str for its name, not {type(name).__name__}")
        if not issubclass(type(words), Mapping):
            raise TypeError(
                f"choice {name}: its words and their SQL are a mapping, {{word: SQL}}, not "
                f"{type(words).__name__}"
            )
        listed: list[Any] = list(words)
        for word in listed:
            if not isinstance(word, str):
                raise TypeError(f"choice {name}: a word is a str, not {type(word).__name__}")


def _check_placeholders(text: str, where: Where) -> None:
    """Refuse placeholders whose values would be lost.

    Raises:
        StatementError: One is inside quotes.
    """
    fault = lost_in(text)
    if fault is not None:
        sentence = fault.sentence.replace("{line}", "")
        line = place(text, fault.start)[0]
        raise StatementError(f"{where(line)}: {sentence}", hint=fault.remedy)


def plain(pieces: tuple[Piece, ...]) -> str | None:
    """Return the text if it is the same in any case, else None."""
    texts = [piece.text for piece in pieces if isinstance(piece, Text)]
    return "".join(texts) if len(texts) == len(pieces) else None


def _always(which: str) -> Where:
    def where(_: int) -> str:
        return which

    return where


def _style(sql: str, options: Mapping[str, Mapping[str, str]]) -> Style:
    styles = {
        style_of(sql),
        *(style_of(text) for each in options.values() for text in each.values()),
    }
    return "named" if "named" in styles else "positional" if "positional" in styles else "none"


def _option_text(name: str, word: str, option: object, escape: bool) -> str:
    which = f"choice {name}, {word!r}"
    if isinstance(option, str):
        text = option
    elif isinstance(option, Sql) and not values_in(option):
        text = option.text(escape=escape)
    else:
        raise StatementError(
            f"{which}: expected text, or a Sql without values, got {type(option).__name__}",
            hint="write placeholders, %(name)s, for values",
        )
    last = None
    for last in tokens(text):
        if not last.closed:
            raise StatementError(f"{which}: a literal or comment in it is not closed")
    if last is not None and last.kind == "comment" and text.startswith("--", last.start):
        raise StatementError(
            f"{which} ends in a comment, which would hide what follows it",
            hint="leave the comment out, or write /* … */",
        )
    return text


@frozen
class _Written:
    """The text of a statement as it is written, with what its braces mean."""

    text: str
    style: Style
    model: Any
    options: Mapping[str, Mapping[str, str]]
    where: Where

    def plain(self) -> str:
        """Return the text, which may have braces for columns and nothing else.

        Raises:
            StatementError: It has marks.
        """
        text = plain(self._pieces())
        if text is None:
            raise StatementError(
                "marks and choices go with parameters that have names",
                hint="write %(name)s instead of %s",
            )
        return text

    def contents(self) -> Contents:
        """Return what the statement sends."""
        pieces = self._pieces()
        form = Form(pieces, self._options())
        sql = plain(pieces)
        if sql is not None:
            names = tuple(names_in(sql)) if self._is_named else ()
            whole = form if len(pieces) > 1 else None
            return Contents(sql, self.style, form=whole, names=names, source=self.text)
        self._check_placeholders(form)
        found = dict.fromkeys(names_in(form.all_on()) if self._is_named else ())
        for options in form.choices.values():
            for option in options.values():
                found.update(dict.fromkeys(names_in(option) if self._is_named else ()))
        found.update(dict.fromkeys(name for group in form.groups for name in group))
        found.update(dict.fromkeys(self.options))
        return Contents(form.all_on(), self.style, form=form, names=tuple(found), source=self.text)

    @property
    def _is_named(self) -> bool:
        return self.style == "named"

    def _pieces(self) -> tuple[Piece, ...]:
        self._check_choices()
        pieces = self._read(self.text, {*self.options, _COLUMNS}, self.where)
        placed = set(choices_in(pieces))
        for name in self.options:
            if name not in placed:
                raise StatementError(
                    f"the choice {name} stands nowhere in the SQL", hint=f"write {{{name}}} there"
                )
        return pieces

    def _read(self, text: str, known: Collection[str], where: Where) -> tuple[Piece, ...]:
        if "--?" not in text and "{" not in text:
            return (Text(text, 0),)
        return self._with_columns(read_form(text, known, where))

    def _options(self) -> dict[str, dict[str, str]]:
        """Return the texts of the choices, which may have braces for columns and nothing else."""
        found: dict[str, dict[str, str]] = {}
        for name, options in self.options.items():
            found[name] = {}
            for word, text in options.items():
                which = f"choice {name}, {word!r}"
                made = plain(self._read(text, {_COLUMNS}, _always(which)))
                if made is None:
                    raise StatementError(f"{which}: a mark cannot stand in a choice")
                found[name][word] = made
        return found

    def _columns(self) -> str:
        members = [each for each in get_args(self.model) if each is not NoneType]
        optional = get_origin(self.model) in (Union, UnionType) and len(members) == 1
        try:
            made = columns(members[0] if optional else self.model)
        except ModelError as error:
            raise StatementError(
                f"{{columns}} stands for the columns of a class; {shown(self.model)} has none",
                hint="write the columns, or give statement() a class",
            ) from error
        return made.text(escape=self.style != "none")

    def _with_columns(self, pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
        """Return the pieces with text for `{columns}`."""
        found: list[Piece] = []
        for piece in pieces:
            if isinstance(piece, Part):
                found.append(evolve(piece, body=self._with_columns(piece.body)))
            elif isinstance(piece, Choice) and piece.name == _COLUMNS:
                found.append(Text(self._columns(), piece.start, whole=True))
            else:
                found.append(piece)
        return joined(found)

    def _check_choices(self) -> None:
        for name, options in self.options.items():
            if not name.isidentifier() or name == _COLUMNS:
                raise StatementError(
                    f"a choice cannot be called {name!r}",
                    hint="its name is that of a parameter, and stands in braces",
                )
            if not options:
                raise StatementError(f"the choice {name} has no words")

    def _check_placeholders(self, form: Form) -> None:
        """Refuse what does not go with marks and choices, or with a signature."""
        texts = [(self.text, "")]
        for name, options in self.options.items():
            texts += [(text, f"choice {name}, {word!r}") for word, text in options.items()]
        for text, which in texts:
            for found in placeholders(text):
                if self.style == "none" or found.inside:
                    continue
                check_placeholder(
                    found, which or self.where(place(text, found.start)[0]), marked=True
                )
        for name in names_in(form.all_on()) if self.style == "named" else ():
            if name in self.options:
                raise StatementError(
                    f"{name} is a choice, and stands as %({name})s in the SQL too",
                    hint="give the parameter another name",
                )
