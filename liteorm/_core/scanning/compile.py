"""Generated source into a function: its globals, a file name for tracebacks, and its life."""

from __future__ import annotations

import itertools
import linecache
import typing
import weakref
from collections.abc import Callable
from typing import Any

from liteorm._core.models.classes import Field, Model, model_of_hint
from liteorm._core.scanning import steps
from liteorm._core.scanning.emit import Construct, Source, emit_value
from liteorm._core.scanning.fit import Fitter
from liteorm._core.scanning.jsontext import decode_plain, decoder_for
from liteorm._core.scanning.shape import InnerTypes, Shape
from liteorm._core.scanning.steps import Place
from liteorm._core.scanning.types import JsonText, Pair, PgType, Record
from liteorm._core.values.interval import Interval
from liteorm.errors import DataError, ScanError

PLACES = "__liteorm_places__"
"""The name in a generated function's globals under which its lines' places are found."""

_numbers = itertools.count(1)


class Misfit(Exception):
    """A value that does not fit its field; where, the traceback tells.

    `sentence` follows "column ..., row N " and names no value.
    """

    def __init__(self, sentence: str, remedy: str | None = None, *, data: bool = False) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.remedy = remedy
        self.data = data


def compile_source(source: Source, target: str, shape: Shape) -> tuple[Callable[[Any], Any], str]:
    """Compile generated source; return its function and its file name.

    The file name and a linecache entry let tracebacks and debuggers show the generated lines;
    the entry goes with the function.
    """
    filename = f"<liteorm scan {target} #{next(_numbers)}>"
    scope: dict[str, Any] = {
        "__name__": "liteorm.generated",
        PLACES: source.places,
        "null": _null,
        "too_deep": _too_deep,
        "too_flat": _too_flat,
        "wrong_length": _wrong_length,
    }
    for constant in source.constants:
        scope[constant.name] = _made(constant.value, shape)
    exec(compile(source.text, filename, "exec"), scope)
    function = scope["build"]
    lines = source.text.splitlines(keepends=True)
    linecache.cache[filename] = (len(source.text), None, lines, filename)
    weakref.finalize(function, linecache.cache.pop, filename, None)
    return function, filename


def _null() -> typing.NoReturn:
    raise Misfit("is NULL")


def _too_deep() -> typing.NoReturn:
    raise Misfit("is an array of more dimensions", "annotate a list for each: list[list[...]]")


def _too_flat() -> typing.NoReturn:
    raise Misfit("is an array of fewer dimensions", "annotate one list for each dimension")


def _wrong_length() -> typing.NoReturn:
    raise Misfit(
        "is an array with another number of elements",
        "annotate list[...] or tuple[..., ...] for any number",
    )


def _made(value: Any, shape: Shape) -> Any:
    """Return the object that a constant of the plan stands for."""
    match value:
        case Construct():
            return _constructor(value.model) if value.complete else value.model.cls
        case steps.Members():
            return _MemberOf(value)
        case steps.Decode():
            return decoder_for(value.annotation).decode
        case steps.Use():
            return value.codec.decode
        case steps.Only():
            return _only(value.classes)
        case steps.Call():
            return _CALLS[value.name]
        case steps.Anonymous():
            return _RecordOf(value, shape)
        case steps.NoNulls():
            return _no_nulls
        case _:
            pass
    raise TypeError(f"no constant: {value!r}")


class _MemberOf(dict[Any, Any]):
    """Members by value; one that is not listed is a misfit, unless the enum makes it."""

    def __init__(self, step: steps.Members) -> None:
        super().__init__(step.values)
        self.enums = step.enums
        self.others = step.others
        self.shown = step.shown

    def __missing__(self, key: Any) -> Any:
        for enum in self.enums:
            try:
                return enum(key)
            except ValueError:
                pass
        if self.others:
            return key
        raise Misfit(
            f"holds a value which {self.shown} does not have",
            f"add the value to {self.shown}, or keep such rows out of the query",
        ) from None


def _only(classes: tuple[type, ...]) -> Callable[[Any], Any]:
    """Return the check for addresses: inet may hold either version, with or without a netmask."""
    interfaces = {cls.__name__: cls for cls in classes if cls.__name__.endswith("Interface")}
    names = " | ".join(cls.__name__ for cls in classes)

    def check(value: Any) -> Any:
        if type(value) in classes:
            return value
        wider = interfaces.get(type(value).__name__.replace("Address", "Interface"))
        if wider is not None:
            return wider(value)
        raise Misfit(
            f"holds an {type(value).__name__}, not an {names}",
            "select host(...)::inet to drop the netmask, or annotate the field"
            f" {names} | {type(value).__name__}",
        )

    return check


def _no_nulls(value: dict[str, Any]) -> dict[str, Any]:
    if None in value.values():
        raise Misfit("has a key whose value is NULL", "annotate the field dict[str, str | None]")
    return value


def _timedelta_of(value: Interval) -> Any:
    if value.months:
        raise Misfit(
            "is an interval with months, which have no fixed length in days",
            "annotate the field liteorm.Interval",
            data=True,
        )
    try:
        return value.to_timedelta()
    except DataError:
        raise Misfit(
            "is an interval beyond Python's timedelta",
            "annotate the field liteorm.Interval",
            data=True,
        ) from None


def point_text(pair: tuple[float, float]) -> str:
    """Return a point in PostgreSQL's text form."""
    return f"({number_text(pair[0])},{number_text(pair[1])})"


def number_text(value: float) -> str:
    """Return a float as PostgreSQL prints it."""
    text = repr(value)
    if text in ("inf", "-inf", "nan"):
        return {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}[text]
    if "e" not in text and abs(value) >= 1e15:
        return f"{_shortest(value)}e+15"
    return text.removesuffix(".0")


def _shortest(value: float) -> str:
    """Return the digits of a float in 1e15 to 1e16, which PostgreSQL writes with an exponent."""
    digits = repr(value).removesuffix(".0").lstrip("-").rstrip("0")
    sign = "-" if value < 0 else ""
    return f"{sign}{digits[0]}.{digits[1:]}" if len(digits) > 1 else f"{sign}{digits}"


def _plain(value: Any) -> Any:
    """Return the plain value of a deep form."""
    match value:
        case Record():
            return tuple(_plain(inner) for inner in value.values)
        case Pair():
            return point_text(value)
        case JsonText():
            return decode_plain(value)
        case Interval():
            return _timedelta_of(value)
        case _:
            return type(value)(map(_plain, value)) if type(value) in (list, tuple) else value


def _untyped(value: Any) -> typing.NoReturn:
    raise Misfit("is a literal without a type", "cast it in the query: ROW('x'::text)")


_CALLS: dict[str, Callable[[Any], Any]] = {
    "timedelta_of": _timedelta_of,
    "point_text": point_text,
    "point_pair": tuple,
    "plain": _plain,
    "untyped": _untyped,
}


class _RecordOf:
    """Builds from anonymous records; what they hold is fitted once per set of types."""

    def __init__(self, step: steps.Anonymous, shape: Shape) -> None:
        self.step = step
        self.shape = shape
        self.builds: dict[tuple[int, ...], Callable[[Any], Any]] = {}

    def __call__(self, record: Record) -> Any:
        build = self.builds.get(record.oids)
        if build is None:
            if len(self.builds) >= 64:
                self.builds.clear()
            build = self.builds[record.oids] = self._compiled(self.shape.inner_types, record.oids)
        return build(record.values)

    def _compiled(self, inner_types: InnerTypes, oids: tuple[int, ...]) -> Callable[[Any], Any]:
        step = record_step(self.step, inner_types(oids), Fitter(self.shape.codecs))
        return compile_source(emit_value(step), self.step.place.target, self.shape)[0]


def record_step(
    step: steps.Anonymous, types: tuple[PgType, ...], fitter: Fitter
) -> steps.Positions | steps.Attributes:
    """Fit an anonymous record by position.

    Raises:
        ScanError: another number of values, or one that does not fit.
    """
    hint, place = step.hint, step.place
    wanted: tuple[Any, ...]
    fields: list[Field] = []
    model: Model | None = None
    if hint.kind == "model":
        model = model_of_hint(hint)
        fields = [field for field in model.fields if field.required]
        if len(fields) < len(types):
            fields = list(model.fields)[: len(types)]
        wanted = tuple(fields)
    else:
        wanted = hint.args
    if len(wanted) != len(types):
        raise ScanError(
            f"{place.source} is a record of {len(types)} values; {place.wanted}",
            model=place.model,
            field=place.field,
            column=place.column,
            expected=f"{len(wanted)} values",
            got=f"{len(types)} values",
            remedy=f"annotate as many, or write ROW(...) with {len(wanted)}",
        )
    if model is None:
        return fitter.positions(list(types), hint, place, deep=True)
    triples = [(f, i, t) for i, (f, t) in enumerate(zip(fields, types, strict=True))]
    return fitter.attributes(model, triples, len(types), hint, place, deep=True)


# A twin is a subclass and keeps its class alive: it lives as long as a scanner builds with it.
_twins: weakref.WeakKeyDictionary[type, weakref.ref[type]] = weakref.WeakKeyDictionary()


def _constructor(model: Model) -> type:
    """Return what builds objects of a class fastest, with the same outcome.

    A frozen class stores each argument through `object.__setattr__`, three times the cost of a
    plain store. Where its constructor does nothing else, objects are built by a subclass that may
    store, and are then given their class.
    """
    cls = model.cls
    if not (model.frozen and model.plain and model.fields):
        return cls
    bases = [base for base in cls.__mro__ if base not in (object, typing.Generic)]
    if any("__init_subclass__" in vars(base) for base in bases):
        # The twin would be announced to the user's hook.
        return cls
    known = _twins.get(cls)
    twin = known() if known is not None else None
    if twin is None:
        twin = _unfrozen(model)
        _twins[cls] = weakref.ref(twin)
    return twin


def _unfrozen(model: Model) -> type:
    names = [field.init_name for field in model.fields if not field.kw_only]
    keywords = [field.init_name for field in model.fields if field.kw_only]
    obj, frozen = (_other_name(name, {*names, *keywords}) for name in ("self", "frozen"))
    arguments = ", ".join([obj, *names, *(["*", *keywords] if keywords else [])])
    body = "".join(f"    {obj}.{field.name} = {field.init_name}\n" for field in model.fields)
    text = f"def __init__({arguments}):\n{body}    {obj}.__class__ = {frozen}\n"
    scope: dict[str, Any] = {frozen: model.cls}
    exec(text, scope)
    return type(
        model.cls.__name__,
        (model.cls,),
        {
            "__slots__": (),
            "__init__": scope["__init__"],
            # Both, or the type keeps a slow slot for attribute stores.
            "__setattr__": object.__setattr__,
            "__delattr__": object.__delattr__,
            "__module__": model.cls.__module__,
            "__qualname__": model.cls.__qualname__,
            "__doc__": f"Builds {model.cls.__qualname__}; no object keeps this class.",
        },
    )


def _other_name(name: str, taken: set[str]) -> str:
    """Return a name that no argument has."""
    while name in taken:
        name += "_"
    return name


def place_of(error: BaseException) -> Place | None:
    """Return the place whose line of generated code raised an error, the innermost one."""
    found: Place | None = None
    traceback = error.__traceback__
    while traceback is not None:
        places = traceback.tb_frame.f_globals.get(PLACES)
        if places is not None:
            found = places.get(traceback.tb_lineno, found)
        traceback = traceback.tb_next
    return found


def raised_by_generated(error: BaseException) -> bool:
    """Tell whether a line of generated code itself raised an error, and nothing that it called."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback is not None and PLACES in traceback.tb_frame.f_globals
