"""Statements that live in .sql files: `liteorm.load("queries/")`."""

from __future__ import annotations

import ast
import builtins
import importlib
import re
import sys
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from os import PathLike
from pathlib import Path
from typing import Any, Literal, cast

import attrs

from liteorm._core.sql.lexer import place, statements, tokens
from liteorm._core.statements.statement import Statement
from liteorm._core.statements.written import contents_of
from liteorm.errors import StatementError

Kind = Literal["one", "optional", "all", "iter", "execute"]

_KINDS: dict[str, Kind] = {
    "one": "one",
    "optional": "optional",
    "all": "all",
    "iter": "iter",
    "execute": "execute",
}
_HEADER = re.compile(
    r"--\s*+name:\s*+(?P<name>[^\s:]++)\s*+(?P<kind>:[^\s-]*+)?\s*+(?:->\s*+(?P<model>\S.*))?"
)
_ALMOST = re.compile(r"--\s*+name(?:\s*+:|\s++\S++\s++:\w).*")
_CHOICE = re.compile(r"--\s*+choice\s++(?P<name>\w++)\s++(?P<word>[^\s:]++)\s*+:\s*+(?P<sql>\S.*)")
_ALMOST_CHOICE = re.compile(r"--\s*+choice\s++\w++(?:\s++[^\s:]++)?\s*+:.*")
_PARAMS = re.compile(r"--\s*+params:\s*+(?P<params>\S.*)")


class LoadedStatement(Statement[Any, ...]):
    """A statement from a .sql file; calling it does what its header says.

    Attributes:
        kind: The word of the header: "one", "optional", "all", "iter" or "execute".
    """

    __slots__ = ("kind",)

    kind: Kind

    # It is complete: there is no function to take a signature from.
    def __call__(self, session: Any, /, *args: Any, **named: Any) -> Any:
        """Run the statement as its header says: `users.by_id(db, id=5)`."""
        return getattr(self, self.kind)(session, *args, **named)


class Statements(Mapping[str, LoadedStatement]):
    """The statements of a folder or file, by name: as attributes, and as a mapping."""

    def __init__(self, found: Mapping[str, LoadedStatement]) -> None:
        self._found = dict(found)

    def __getattr__(self, name: str) -> LoadedStatement:
        try:
            return self.__dict__["_found"][name]  # type: ignore[no-any-return]
        except KeyError:
            known: dict[str, LoadedStatement] = self.__dict__.get("_found", {})
            near = get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise AttributeError(f"no statement is named {name!r}{hint}") from None

    def __getitem__(self, name: str) -> LoadedStatement:
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._found]

    def __repr__(self) -> str:
        return f"<Statements {', '.join(self._found)}>"


def load(
    path: str | PathLike[str], *, models: Mapping[str, Any] | types.ModuleType | None = None
) -> Statements:
    """Load the statements of a .sql file, or of every .sql file in a folder.

    Each statement begins with a header; `:one`, `:optional`, `:all` and `:iter` name the class of
    a row, `:execute` has none. A `-- params: P` line below it names the parameters' types, a
    `-- choice sort newest: created DESC` line the SQL for a word of the choice `{sort}`:

        -- name: user_by_id :one -> User
        SELECT id, name FROM users WHERE id = %(id)s;

    Args:
        path: A relative one is taken from the folder of the calling module.
        models: Where the headers' types are looked up: a mapping or a module. Without it, in the
            calling module (what it has imported so far), then as `package.module.Name`.

    Raises:
        FileNotFoundError: The path does not exist, or the folder has no .sql file.
        StatementError: A header is wrong: its name, its word, or a type that is not found.
        TypeError: `models` is neither a module nor a mapping.

    Example:
        >>> queries = liteorm.load("queries/")
        >>> queries.user_by_id(db, id=5)
        User(id=5, name='Ada')
    """
    frame = sys._getframe(1)
    module = frame.f_globals.get("__name__", "")
    base = Path(path)
    if not base.is_absolute():
        base = Path(frame.f_code.co_filename).parent / base
    files = sorted(base.rglob("*.sql")) if base.is_dir() else [base]
    if not files:
        raise FileNotFoundError(f"no .sql file in {str(path)!r}")
    given = cast(object, models)
    if not isinstance(given, types.ModuleType | Mapping | None):
        raise TypeError(
            "models is a module, or a mapping of the names in the headers to their types, not "
            f"{type(given).__name__}"
        )
    names = vars(models) if isinstance(models, types.ModuleType) else models
    resolve = _Types(frame.f_globals if names is None else names)
    found: dict[str, LoadedStatement] = {}
    for file in files:
        for entry in _entries(file):
            if entry.name in found:
                first = found[entry.name]
                raise entry.error(
                    f"{entry.name!r} is already a statement, in {Path(first.file).name}"
                    f":{first.line}"
                )
            found[entry.name] = entry.statement(module, resolve)
    return Statements(found)


@attrs.define
class _Entry:
    """The header and text of one statement, as read."""

    file: Path
    line: int
    name: str
    kind: str
    model: str | None
    params: str | None = None
    choices: dict[str, dict[str, str]] = attrs.Factory(dict[str, dict[str, str]])
    doc: list[str] = attrs.Factory(list[str])
    text: str = ""
    text_line: int = 0

    def error(self, message: str, hint: str | None = None) -> StatementError:
        return StatementError(f"{self.file.name}:{self.line}: {message}", hint=hint)

    def statement(self, module: str, resolve: Callable[[str], Any]) -> LoadedStatement:
        kind = self._checked_kind()
        if not self.text:
            raise self.error(f"{self.name!r} has no SQL below its header")
        model = self._resolved(self.model, resolve)
        try:
            contents = contents_of(self.text, model, self.choices, self._place)
        except StatementError as error:
            if error.message.startswith(f"{self.file.name}:"):
                raise
            raise self.error(f"{self.name}: {error.message}", error.hint) from error
        contents.called(self.name)
        result = LoadedStatement(
            model,
            contents,
            params=self._resolved(self.params, resolve),
            origin=(module, str(self.file), self.line),
            doc="\n".join(self.doc),
        )
        result.kind = kind
        return result

    def _place(self, line: int) -> str:
        return f"{self.file.name}:{self.text_line + line - 1}"

    def _checked_kind(self) -> Kind:
        if not self.name.isidentifier() or self.name.startswith("_"):
            raise self.error(f"{self.name!r} cannot be the name of an attribute")
        if hasattr(Statements, self.name):
            raise self.error(f"{self.name!r} is taken: loaded statements are a mapping")
        kind = _KINDS.get(self.kind.removeprefix(":"))
        if kind is None:
            got = f"got {self.kind}" if self.kind else "got none"
            raise self.error(
                f"{self.name!r} needs one of the words {', '.join(':' + k for k in _KINDS)}; {got}"
            )
        if (self.model is None) != (kind == "execute"):
            raise self.error(
                f"{self.name!r} is :{kind}, "
                + ("which has no rows and no class" if self.model else "which needs a class"),
                hint=f"-- name: {self.name} :{kind}" + ("" if self.model else " -> Model"),
            )
        return kind

    def _resolved(self, text: str | None, resolve: Callable[[str], Any]) -> Any:
        if text is None:
            return None
        try:
            return resolve(text.strip())
        except (LookupError, SyntaxError, TypeError, ValueError, ImportError) as error:
            raise self.error(
                f"{text.strip()!r} is not a type known here: {error}",
                hint="import it before load(), or name it in models=",
            ) from error


def _entries(file: Path) -> Iterator[_Entry]:
    """Yield the statements of a file, which begin where a comment is a header."""
    # Not read as text: that would make a line's end of what may stand in a literal.
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise StatementError(
            f"{file.name} is not in UTF-8 (at byte {error.start})", hint="save it so"
        ) from None
    found = [_Entry(file, 1, "", "", None)]
    begun = 0
    for kind, start, end, _ in tokens(text):
        if kind != "comment" or not text.startswith("--", start):
            continue
        if text[text.rfind("\n", 0, start) + 1 : start].strip():
            continue
        comment = text[start:end].strip()
        header = _HEADER.fullmatch(comment)
        if header is None and _ALMOST.fullmatch(comment) is None:
            continue
        line = place(text, start)[0]
        if header is None:
            raise StatementError(
                f"{file.name}:{line}: a header that is not understood",
                hint="a header is like: -- name: user_by_id :one -> User",
            )
        _take(found[-1], text, begun, start)
        found.append(_Entry(file, line, header["name"], header["kind"] or "", header["model"]))
        begun = end
    _take(found[-1], text, begun, len(text))
    first, *entries = found
    if first.text:
        raise StatementError(
            f"{file.name}:{first.text_line}: SQL before the first header",
            hint="begin with a line like: -- name: user_by_id :one -> User",
        )
    yield from entries


def _take(entry: _Entry, text: str, start: int, end: int) -> None:
    """Give a statement the comments below its header, and its SQL."""
    last = end
    for kind, begin, until, _ in tokens(text, start):
        if begin >= end:
            break
        if kind == "space" or (kind == "comment" and _is_note(entry, text[begin:until])):
            continue
        last = begin
        break
    sql = text[last:end]
    # A marked line begins where its line does.
    entry.text_line = place(text, last)[0]
    spans = list(statements(sql))
    if spans:
        entry.text = sql[: _end_of(entry, sql, spans[-1][1])].rstrip()


def _end_of(entry: _Entry, sql: str, end: int) -> int:
    """Return where a text ends that has nothing but comments and semicolons behind `end`."""
    semicolon = None
    for kind, start, _, _ in tokens(sql, end):
        if kind == "end" and semicolon is None:
            semicolon = start
        elif kind == "comment" and semicolon is not None and sql.startswith("--?", start):
            raise entry.error(
                f"{entry.name}: a mark behind the semicolon",
                hint="put the semicolon on a line of its own",
            )
    return len(sql) if semicolon is None else semicolon


def _is_note(entry: _Entry, comment: str) -> bool:
    """Take a comment below the header; return whether it is one."""
    if comment.startswith("--?") or not comment.startswith("--"):
        return False
    if choice := _CHOICE.fullmatch(comment):
        words = entry.choices.setdefault(choice["name"], {})
        if choice["word"] in words:
            raise entry.error(f"the choice {choice['name']} has the word {choice['word']} twice")
        words[choice["word"]] = choice["sql"]
    elif params := _PARAMS.fullmatch(comment):
        entry.params = params["params"]
    elif _ALMOST_CHOICE.fullmatch(comment):
        raise entry.error(
            "a choice that is not understood",
            hint="a choice is like: -- choice sort newest: created_at DESC",
        )
    else:
        entry.doc.append(comment.removeprefix("--").strip())
    return True


class _Types:
    """Reads a header's type: names, dots, `X | None` and `list[X]`; nothing is called."""

    def __init__(self, names: Mapping[str, Any]) -> None:
        self._names = names

    def __call__(self, text: str) -> Any:
        return self._read(ast.parse(text, mode="eval").body)

    def _read(self, node: ast.expr) -> Any:
        match node:
            case ast.Name(id=name):
                return self._named(name)
            case ast.Constant(value=None):
                return None
            case ast.Attribute():
                return self._dotted(ast.unparse(node))
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                return self._read(left) | self._read(right)
            case ast.Subscript(value=value, slice=ast.Tuple(elts=items)):
                return self._read(value)[tuple(self._read(item) for item in items)]
            case ast.Subscript(value=value, slice=item):
                return self._read(value)[self._read(item)]
            case _:
                raise ValueError("expected a name, X | None or list[X]")

    def _named(self, name: str) -> Any:
        for scope in (self._names, vars(builtins), vars(typing)):
            if name in scope:
                return scope[name]
        near = get_close_matches(name, list(self._names), 1)
        raise LookupError(f"did you mean {near[0]}?" if near else "no such name")

    def _dotted(self, text: str) -> Any:
        first, *rest = text.split(".")
        if first in self._names:
            found = self._names[first]
        else:
            module, _, last = text.rpartition(".")
            found, rest = importlib.import_module(module), [last]
        for part in rest:
            if not hasattr(found, part):
                raise LookupError(f"no {part} in {first}")
            found = getattr(found, part)
        return found
