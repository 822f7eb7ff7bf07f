"""The signature of a function as the parameters of a statement."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from liteorm._core.generated import compiled
from liteorm._core.sql.near import near_name
from liteorm.errors import ModelError, StatementError

_Parameter = inspect.Parameter


def parameters_of(function: Any) -> dict[str, _Parameter]:
    """Return the parameters of a function that declares a statement, by name.

    Raises:
        StatementError: It takes any number of them.
    """
    found = dict(inspect.signature(function).parameters)
    for name, parameter in found.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            star = "*" if parameter.kind is parameter.VAR_POSITIONAL else "**"
            raise StatementError(
                f"{function.__name__} takes {star}{name}: a statement takes a parameter for each"
                " of its placeholders",
                hint="name the parameters one by one",
            )
    return found


def check_names(name: str, given: Collection[str], used: Mapping[str, str]) -> None:
    """Hold a signature's names against those that the SQL uses.

    Args:
        name: The statement's name.
        given: The names of the signature.
        used: For each name that the SQL uses, how it does: `%(id)s in line 3`.

    Raises:
        StatementError: One has a name that the other lacks.
    """
    missing = [each for each in used if each not in given]
    surplus = [each for each in given if each not in used]
    if not missing and not surplus:
        return
    wrong = [f"the SQL has {used[each]}, which is no parameter of {name}" for each in missing]
    wrong += [f"{name} has a parameter {each}, which the SQL does not use" for each in surplus]
    near = {each: near_name(each, missing) for each in surplus}
    meant = [f"{other} instead of {each}" for each, other in near.items() if other]
    remedy = "name in the signature exactly what the SQL takes"
    if meant:
        remedy = f"did you mean {', '.join(meant)}?"
    elif surplus[:1] in (["self"], ["cls"]):
        remedy = f"a statement has no {surplus[0]}: write @staticmethod below the declaration"
    raise StatementError(f"{name}: {'; '.join(wrong)}", hint=remedy)


def check_words(
    function: Any, parameters: Mapping[str, _Parameter], choices: Mapping[str, Collection[str]]
) -> None:
    """Hold the defaults and `Literal` annotations of choices against their words.

    Raises:
        StatementError: One is a word that the choice does not have.
    """
    if not choices:
        return
    try:
        annotations = annotations_of_function(function)
    except ModelError:
        # A name that is there later: then the word is held against the choice at the call alone.
        annotations = {}
    for name, words in choices.items():
        default = parameters[name].default
        meant = list(_literal_words(annotations.get(name)))
        if default is not _Parameter.empty and default is not None:
            meant.append(default)
        for word in meant:
            if word not in words:
                known = ", ".join(repr(each) for each in words)
                near = near_name(word, list(words)) if isinstance(word, str) else None
                raise StatementError(
                    f"{function.__name__}: the choice {name} has no word {word!r}; it has {known}",
                    hint=f"did you mean {near!r}?"
                    if near
                    else "name in the signature only words of the choice",
                )


def _literal_words(annotation: Any) -> Iterator[Any]:
    """Yield the words of a Literal, also beside None or in an Annotated."""
    if typing.get_origin(annotation) is typing.Literal:
        yield from (word for word in typing.get_args(annotation) if word is not None)
        return
    for inside in typing.get_args(annotation):
        yield from _literal_words(inside)


def binder(
    function: Any,
    parameters: Mapping[str, _Parameter],
    named: bool,
    first: str | None = None,
    sql: str | None = None,
) -> Callable[..., Any]:
    """Return a function of the same signature that returns its arguments: a dict, or a tuple.

    Python itself then binds them, with its own errors, in the time of a call.

    Args:
        function: What has the signature.
        parameters: Its parameters.
        named: Whether to return a dict.
        first: The source of what is returned before them, as the first of two.
        sql: A text that is.
    """
    name = function.__name__ if function.__name__.isidentifier() else "statement"
    pieces: list[str] = []
    kinds = [parameter.kind for parameter in parameters.values()]
    for number, (each, parameter) in enumerate(parameters.items()):
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.kind not in kinds[:number]:
            pieces.append("*")
        pieces.append(each if parameter.default is parameter.empty else f"{each}=None")
        if (
            parameter.kind is parameter.POSITIONAL_ONLY
            and parameter.kind not in kinds[number + 1 :]
        ):
            pieces.append("/")
    if named:
        result = "{" + ", ".join(f"{each!r}: {each}" for each in parameters) + "}"
    else:
        result = "(" + "".join(f"{each}, " for each in parameters) + ")"
    text = "sql"
    while text in parameters or text == name:
        text += "_"
    if sql is not None:
        first = text
    if first is not None:
        result = f"{first}, {result}"
    source = f"def {name}({', '.join(pieces)}):\n    return {result}\n"
    made, _ = compiled(
        source, {text: sql}, name, f"call {function.__module__}.{function.__qualname__}"
    )
    defaults = [p.default for p in parameters.values() if p.kind is not p.KEYWORD_ONLY]
    made.__defaults__ = tuple(each for each in defaults if each is not _Parameter.empty)
    made.__kwdefaults__ = {
        each: p.default
        for each, p in parameters.items()
        if p.kind is p.KEYWORD_ONLY and p.default is not p.empty
    }
    made.__qualname__ = function.__qualname__
    return typing.cast("Callable[..., Any]", made)


def annotations_of_function(function: Any) -> dict[str, Any]:
    """Return the annotations of a function's parameters; Any where there is none.

    Raises:
        ModelError: One names something that is not there.
    """
    try:
        found = typing.get_type_hints(function, include_extras=True)
    except Exception as error:
        raise ModelError(
            f"an annotation of {function.__qualname__} cannot be read: {error}",
            model=function.__qualname__,
            hint="import at run time what the signature names",
        ) from error
    return {name: found.get(name, Any) for name in inspect.signature(function).parameters}
