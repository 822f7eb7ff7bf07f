"""Types of an application's own: what an extension brings, as classes of Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, get_origin

import attrs

from liteorm._core.models.annotations import shown
from liteorm._core.scanning.types import FILLED, PgType
from liteorm.errors import DataError, ModelError
from liteorm.postgres._types.arrays import Array
from liteorm.postgres._types.forms import ARRAYS, Encoder, Form, Scalar, wrong_class

_PLAIN: Final = frozenset({*FILLED, *ARRAYS, dict, object, type(None)})
"""Classes whose values as parameters have a meaning already."""


@attrs.frozen(kw_only=True)
class CustomType:
    """A base type of PostgreSQL's, of an extension or of your own, and the class of its values.

    Given to `open(types=[…])` it is read, written and sent everywhere: in columns, arrays, ranges,
    composites and COPY, as a parameter if its class is one of your own, and in `liteorm check`.

    Args:
        name: Its name in the database, verbatim; in any schema, unless `schema` is given.
        python: The class of the values, or an annotation such as `list[float]`.
        decode: Makes a value of the type's binary form (what its send function writes).
        encode: Makes the binary form of a value (what its receive function reads).
        schema: The schema that it is in.
        text: Makes the text form of a value: for the bounds of ranges as parameters, for arrays
            in `insert_returning`, and for COPY into a table of which another column's type has no
            binary form.

    Example:
        >>> Celsius = CustomType(
        ...     name="celsius",
        ...     python=float,
        ...     decode=lambda data: struct.unpack("!d", data)[0],
        ...     encode=lambda value: struct.pack("!d", value),
        ... )
    """

    name: str
    python: Any
    decode: Callable[[bytes], Any] = attrs.field(eq=id)
    encode: Callable[[Any], bytes] = attrs.field(eq=id)
    schema: str | None = None
    text: Callable[[Any], str] | None = attrs.field(default=None, eq=id)

    @property
    def cls(self) -> type:
        """The class of the values."""
        found: type = get_origin(self.python) or self.python
        return found

    @property
    def is_own_class(self) -> bool:
        """Whether a parameter's class tells that it is meant."""
        return self.cls not in _PLAIN


def form_of(custom: CustomType) -> Form:
    """Return how a custom type is read and sent."""
    cls = custom.cls
    expected = shown(custom.python)

    def ready(value: Any) -> bytes:
        if not isinstance(value, cls):
            raise wrong_class(value, expected)
        return bytes(custom.encode(value))

    def text(value: Any) -> str:
        if custom.text is None:
            # Not Unsendable: the value itself is none that does not fit.
            raise DataError(
                f"values of {custom.name} have no text form, in which this call sends them",
                hint="give its CustomType a text",
            )
        return custom.text(value)

    listed = "any" if cls in (list, set, frozenset) else "tuple" if issubclass(cls, tuple) else ""
    return Form(
        Scalar(expected, ready, text, bound=True),
        custom.decode,
        listed=listed,  # type: ignore[arg-type]
    )


class CustomTypes:
    """The custom types of one pool: which type of the catalog each is, once that is known."""

    def __init__(self, given: Iterable[CustomType] = ()) -> None:
        self.given = tuple(given)
        self.forms: dict[str, Form] = {}
        self.array_oids: dict[int, int] = {}
        self._oids: dict[CustomType, int] = {}
        seen: dict[tuple[str | None, str], CustomType] = {}
        for custom in self.given:
            if not isinstance(custom, CustomType):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise TypeError(f"types must be CustomType objects, not {type(custom).__name__}")
            if seen.setdefault((custom.schema, custom.name), custom) is not custom:
                raise ValueError(f"two types are called {custom.name}")

    def described(self, schema: str, name: str) -> CustomType | None:
        """Return the custom type that a type of the catalog is."""
        for custom in self.given:
            if custom.name == name and custom.schema in (None, schema):
                return custom
        return None

    def met(self, custom: CustomType, oid: int, shown_as: str, schema: str) -> PgType:
        """Take note of a custom type's oid; return the type."""
        self._oids[custom] = oid
        # With a dot, so that it is none of the table's.
        base = f"{schema}.{custom.name}"
        self.forms[base] = form_of(custom)
        return PgType(oid, shown_as, "base", custom.python, base=base)

    def forget(self) -> None:
        """Forget the oids."""
        self._oids.clear()
        self.array_oids.clear()

    def oid(self, custom: CustomType) -> int:
        """Return a custom type's oid, 0 if it is not known: the server finds the type then."""
        return self._oids.get(custom, 0)

    def array_oid(self, custom: CustomType) -> int:
        """Return the oid of the arrays of a custom type, 0 if it is not known."""
        return self.array_oids.get(self.oid(custom), 0)

    def array(self, custom: CustomType, value: Any) -> bytes:
        """Return an array of a custom type's values in its binary form."""
        oid = self.oid(custom)
        if not oid:
            raise DataError(
                f"the database's type {custom.name} is not known yet",
                hint="create it before the database is opened, or read a value of it first",
            )
        scalar = form_of(custom).sent
        assert scalar is not None
        element = Encoder(
            PgType(oid, custom.name, "base", custom.python),
            scalar.expected,
            fast=None,
            unless="",
            dumper=0,
            ready=scalar.ready,
            binary=scalar.ready,
            text=scalar.text,
            bound=True,
        )
        return Array(PgType(0, f"{custom.name}[]", "array"), element, ARRAYS).binary(value)


def refused(custom: CustomType, kind: str) -> ModelError:
    """Return the error of a custom type that is no base type in the database."""
    return ModelError(
        f"{custom.name} is {kind} in the database, and a CustomType is for base types",
        hint="map it with a class or an enum; a domain is read as its base type is",
    )
