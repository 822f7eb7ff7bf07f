"""json and jsonb; Python values → JSON text, by msgspec, imported when the first JSON is sent."""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, Final
from weakref import WeakKeyDictionary

import attrs
from msgspec import UNSET

from liteorm._core.belonging import keep, kept
from liteorm._core.models.annotations import is_pydantic
from liteorm._core.models.classes import model_of, with_anything
from liteorm._core.models.hints import Codec
from liteorm._core.scanning.jsonclasses import ByClass, is_special
from liteorm._core.scanning.jsontext import decode_plain
from liteorm._core.scanning.types import JsonText
from liteorm._core.values.json import Json
from liteorm._core.values.members import by_value
from liteorm.errors import DataError, Error, ModelError
from liteorm.postgres._types.coded import LEAVES, codec_of
from liteorm.postgres._types.forms import ARRAYS, Form, Scalar, Unsendable, is_a


def json_bytes(value: Any, written: Written | None = None, *, looked: bool = False) -> bytes:
    """Return a value as JSON text.

    Args:
        value: The value.
        written: How a pool's own classes are written; by default there are none.
        looked: There is no codec for the value as a whole.

    Raises:
        DataError: If something within has no JSON form (also NaN and the infinities).
    """
    import msgspec

    try:
        ways = written or _PLAINLY
        plain = ways.inside(value) if looked else ways.disclosed(unwrapped(value))
        data = msgspec.json.encode(plain, enc_hook=_json_hook)
    except Error:
        raise
    except UnicodeEncodeError:
        raise DataError("a text with a lone surrogate cannot be sent as JSON") from None
    except (TypeError, ValueError, OverflowError, RecursionError) as exc:
        raise DataError(
            f"a value of type {type(value).__qualname__} cannot be sent as JSON: "
            f"{_json_reason(exc)}"
        ) from exc
    # msgspec writes null for NaN and the infinities, which would be a silent loss.
    if any(word in data for word in (b"null", b'"nan"', b'inf"')) and _has_nan(plain):
        raise DataError("NaN and the infinities have no JSON form")
    return data


def _json_reason(exc: Exception) -> str:
    if isinstance(exc, RecursionError):
        return "it contains itself, or is nested too deep"
    found = re.match(r"Encoding objects of type ([\w.<>]+) is unsupported", str(exc))
    return f"it contains a {found[1]}" if found else "something within has no JSON form"


def unwrapped(value: Any) -> Any:
    """Return what a `Json` holds; any other value as it is."""
    return value.value if value.__class__ is Json else value


class Written:
    """How objects are written as JSON.

    Args:
        codecs: Codecs by class, as a pool has them.
    """

    def __init__(self, codecs: Mapping[Any, Codec]) -> None:
        self._codecs = codecs
        self._by_class = ByClass(codecs)
        self._special: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()
        self._leaves = LEAVES.difference(codecs)

    def disclosed(self, value: Any) -> Any:
        """Return a value in which no field is left for msgspec to hide.

        msgspec leaves out the fields of attrs classes and dataclasses whose names begin with an
        underscore, which would be lost; objects that hold such, or other objects, are given to it
        as dicts, and so is every container that holds some.

        Raises:
            DataError: A member of an enum whose values JSON could not give back.
            ModelError: A class says of its fields what cannot be kept in JSON.
        """
        cls: Any = value.__class__
        if cls in self._leaves:
            return value
        codec = codec_of(cls, self._codecs)
        return self.inside(value) if codec is None else given(codec.encode(value))

    def inside(self, value: Any) -> Any:
        """Return the same of a value for which there is no codec as a whole."""
        cls: Any = value.__class__
        if issubclass(cls, dict):
            _check_keys(value)
            keyed = self._codecs and not self._are_leaves(value)
            if cls is dict and not keyed and self._are_leaves(value.values()):
                return value
            keys = map(self.disclosed, value) if keyed else value
            made = dict(zip(keys, map(self.disclosed, value.values()), strict=True))
            _check_keys(made, len(value))
            return made
        if is_a(value, ARRAYS) and not is_special(cls, self._by_class):
            if cls in ARRAYS and self._are_leaves(value):
                return value
            return [self.disclosed(inner) for inner in value]
        if cls is Json:
            return self.disclosed(value.value)
        if issubclass(cls, Enum):
            return _member(value)
        names, keys, codecs, hidden = self._attributes(cls)
        if not names:
            return value
        inside = [getattr(value, name) for name in names]
        if not hidden and self._are_leaves(inside):
            return value
        own = dict(codecs)
        return {
            key: given(own[place].encode(inner))
            if place in own and inner is not None
            else self.disclosed(inner)
            for place, (key, inner) in enumerate(zip(keys, inside, strict=True))
            # As msgspec leaves it out, where the object is given to it as it is.
            if inner is not UNSET
        }

    def _are_leaves(self, values: Iterable[Any]) -> bool:
        return self._leaves.issuperset(map(type, values))

    def _attributes(self, cls: Any) -> _Attributes:
        # What is kept with the class knows nothing of the pool, and the other way round.
        special = self._is_special(cls)
        place, key = kept(cls), (Written, special, cls)
        found: _Attributes | None = place.get(key)
        if found is None:
            found = _attributes(cls, special)
            keep(cls, key, found)
        return found

    def _is_special(self, cls: Any) -> bool | None:
        """Tell whether a class's fields are given to msgspec; None where the class itself tells."""
        if not self._codecs:
            return None
        special = self._special.get(cls)
        if special is None:
            special = self._special[cls] = is_special(cls, self._by_class)
        return special


_Attributes = tuple[tuple[str, ...], tuple[str, ...], tuple[tuple[int, Codec], ...], bool]


def _attributes(cls: Any, special: bool | None = None) -> _Attributes:
    """Return names, keys and codecs of a class's fields, and whether msgspec writes others."""
    if is_special(cls) if special is None else special:
        fields = model_of(with_anything(cls)).fields
        if (deep := next((f for f in fields if f.encode and not f.codec), None)) is not None:
            raise ModelError(
                f"{cls.__qualname__}.{deep.name}: a codec inside {deep.hint.text} is not reached "
                "in JSON",
                model=cls.__qualname__,
                field=deep.name,
                hint="put it at the field of a class, where it takes the whole value",
            )
        codecs = [(place, field.codec) for place, field in enumerate(fields)]
        return (
            tuple(field.name for field in fields),
            tuple(field.column for field in fields),
            tuple((place, codec) for place, codec in codecs if codec is not None),
            True,
        )
    names: tuple[str, ...] = ()
    if attrs.has(cls):
        names = tuple(field.name for field in attrs.fields(cls))
    elif dataclasses.is_dataclass(cls):
        names = tuple(field.name for field in dataclasses.fields(cls))
    elif hasattr(cls, "__struct_fields__"):
        config = cls.__struct_config__
        if config.tag is None and not config.array_like and not config.omit_defaults:
            return cls.__struct_fields__, cls.__struct_encode_fields__, (), False
    return names, names, (), any(name.startswith("_") for name in names)


_PLAINLY: Final = Written({})


def given(made: Any) -> Any:
    """Return what a codec has made: what is inside it is given to no other one, as it is read."""
    return _PLAINLY.disclosed(unwrapped(made))


def _member(member: Enum) -> Any:
    """Return what stands for a member in JSON, from which it can be found again."""
    for kind in (str, int):
        if by_value(type(member), kind):
            return member.value
    raise DataError(
        f"the members of {type(member).__qualname__} have no JSON form: their values are neither"
        " all text nor all integers"
    )


def _json_hook(value: Any) -> Any:
    if type(value) is Json:
        return unwrapped(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bool):
        return bool(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if type(value).__module__ == "ipaddress":
        return str(value)
    if is_a(value, Mapping):
        return _check_keys(dict(value))
    if is_pydantic(type(value)):
        _check_open(value)
        return value.model_dump(mode="json", by_alias=True)
    raise TypeError(f"Encoding objects of type {type(value).__qualname__} is unsupported")


def _check_keys(value: dict[Any, Any], count: int | None = None) -> dict[Any, Any]:
    """Refuse keys that become the same in JSON: all but one of their values would be lost."""
    keys: Any = value
    if not _STR.issuperset(map(type, value)):
        import msgspec

        keys = {msgspec.json.encode({_plain_key(key): None}, enc_hook=_json_hook) for key in value}
    if len(keys) < (len(value) if count is None else count):
        raise DataError(
            "two keys of a dict have the same text in JSON, where one value would be lost",
            hint="make keys of one class of them, each once",
        )
    return value


def _plain_key(key: Any) -> Any:
    return _member(key) if isinstance(key, Enum) else key


_STR: Final[frozenset[Any]] = frozenset((str,))


def _check_open(model: Any) -> None:
    """Refuse secrets, for which Pydantic would write asterisks: what is stored is not what was."""
    for name, inner in model.__dict__.items():
        held: list[Any] = [inner]
        if isinstance(inner, dict):
            held = list(typing.cast("dict[Any, Any]", inner).values())
        elif is_a(inner, ARRAYS):
            held = list(inner)
        for each in held:
            if hasattr(each, "get_secret_value"):
                raise DataError(
                    f"{type(model).__qualname__}.{name} holds a {type(each).__name__}, which would"
                    " be stored as asterisks",
                    hint="send what it hides, by get_secret_value(), or leave the field out",
                )
            if is_pydantic(type(each)):
                _check_open(each)


def _has_nan(value: Any) -> bool:
    cls: type[Any] = value.__class__
    if issubclass(cls, float):
        return bool(value != value or value in (float("inf"), float("-inf")))
    if issubclass(cls, Mapping):
        return any(map(_has_nan, value.values())) or any(map(_has_nan, value))
    if issubclass(cls, ARRAYS):
        return any(map(_has_nan, value))
    if cls is Json:
        return _has_nan(value.value)
    if hasattr(cls, "__struct_fields__"):
        return any(_has_nan(getattr(value, name)) for name in cls.__struct_fields__)
    if is_pydantic(cls):
        model: Any = value
        return any(map(_has_nan, model.__dict__.values()))
    names: Any = _attributes(value.__class__)[0]
    return any(_has_nan(getattr(value, name)) for name in names)


def json_sent(base: str, written: Written | None = None) -> Scalar:
    """Return how values are sent as json or jsonb."""

    def json(value: Any) -> bytes:
        try:
            return json_bytes(value, written)
        except DataError as exc:
            raise Unsendable(exc.message) from exc

    def jsonb(value: Any) -> bytes:
        return b"\x01" + json(value)

    return Scalar(
        "a value that has a JSON form",
        jsonb if base == "jsonb" else json,
        lambda value: json(value).decode(),
        bound=True,
    )


def _plain_from_text(text: str) -> Any:
    return decode_plain(text.encode())


FORMS: Final[dict[str, Form]] = {
    "json": Form(
        json_sent("json"),
        decode_plain,
        JsonText,
        _plain_from_text,
        listed="any",
    ),
    # The binary form of jsonb is a version number, then the text.
    "jsonb": Form(
        json_sent("jsonb"),
        lambda data: decode_plain(data[1:]),
        lambda data: JsonText(data[1:]),
        _plain_from_text,
        listed="any",
    ),
}
