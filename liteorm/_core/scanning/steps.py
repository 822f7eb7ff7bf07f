"""What happens to one value that is not NULL, as plain data; and where the value stands."""

from __future__ import annotations

from typing import Any, Literal

import attrs

from liteorm._core.models.hints import Codec, Hint
from liteorm._core.models.model import Field, Model

ELEMENT = "an element of "
BOUND = "a bound of "


@attrs.frozen
class Place:
    """Where a value comes from and where it goes, for messages about either."""

    model: str
    field: str | None
    """Path of the field inside the model: `author.name`."""
    column: str
    """Name of the result's column."""
    inside: str = ""
    """Where in the column: `an element of `, `attribute "x" of `."""
    annotation: str = ""
    """What the value itself must be."""
    nullable: bool = False
    declared: str = ""
    """The annotation of the whole field, where the value is only a part of it."""

    @property
    def wanted(self) -> str:
        """What was asked for: `User.tags is list[str]`."""
        declared = self.declared or self.annotation
        return f"{self.target} is {declared}" if self.field else f"expected {declared}"

    @property
    def whole(self) -> bool:
        """Whether it is what `scan` was asked for itself, and no field or part."""
        return not self.field and not self.inside

    @property
    def part(self) -> str:
        """What is to be annotated."""
        if self.inside.startswith(ELEMENT):
            return "the elements"
        if self.inside.startswith(BOUND):
            return "the bounds"
        return "that value" if self.inside.startswith("value") else "the field"

    @property
    def source(self) -> str:
        return f'{self.inside}column "{self.column}"'

    @property
    def target(self) -> str:
        if not self.field:
            return self.model
        return f"{self.model}{'' if self.field[0] == '[' else '.'}{self.field}"

    def within(self, inside: str, hint: Hint, *, field: str | None = None) -> Place:
        """Return the place of a part of this one."""
        path = self.field
        if field is not None:
            path = f"{self.field}.{field}" if self.field else field
        return attrs.evolve(
            self,
            inside=f"{inside} of {self.inside}",
            field=path,
            annotation=hint.text,
            declared=hint.text if field is not None else self.declared or self.annotation,
            nullable=hint.optional,
        )


@attrs.frozen
class Members:
    """An enum member or a literal by the column's value."""

    values: tuple[tuple[Any, Any], ...]
    shown: str
    enums: tuple[Any, ...] = ()
    """The enum classes which are asked about values that are not listed."""
    others: bool = False
    """Values that are not listed may stay as they are: `Color | str`."""
    padded: bool = False
    """Spaces behind a value are none of it: `character(n)`."""


@attrs.frozen
class Decode:
    """JSON text into the declared type."""

    annotation: Any
    versioned: bool = False
    """jsonb's version byte comes first."""


@attrs.frozen
class Use:
    """A codec of the user's."""

    codec: Codec = attrs.field(eq=id)
    first: Step | None = None
    """What makes the plain value that the codec takes."""


@attrs.frozen
class Only:
    """A value of these classes, and nothing else; Interfaces made from Addresses."""

    classes: tuple[type, ...]


@attrs.frozen
class Call:
    """A function of the mapper's own, by name."""

    name: Literal["timedelta_of", "point_text", "point_pair", "plain", "untyped"]


@attrs.frozen
class Inner:
    """One value inside another: element, attribute."""

    step: Step | None
    place: Place


@attrs.frozen
class Each:
    """Every element of an array, into a container."""

    container: type
    item: Inner
    flat: bool
    """Elements are no lists themselves."""
    place: Place


@attrs.frozen
class Bounds:
    """The bounds of a range, or of every range of a multirange."""

    bound: Inner
    several: bool
    """It is a multirange."""


@attrs.frozen
class Positions:
    """The parts of a composite or an array by position, into a tuple."""

    items: tuple[Inner, ...]
    exact: bool
    """The number of values must be checked: arrays may have any."""
    place: Place


@attrs.frozen
class Attributes:
    """The attributes of a composite into the constructor's arguments."""

    model: Model
    count: int
    """How many attributes the value has."""
    items: tuple[tuple[Field, int, Inner], ...]
    """Field, index of its attribute, and what happens to it."""
    absent: tuple[int, ...] | None
    """Attributes which are all NULL when the object is absent; None: it never is."""
    place: Place


@attrs.frozen
class Named:
    """The attributes of a composite into a dict."""

    items: tuple[tuple[str, Inner], ...]
    place: Place


@attrs.frozen
class Anonymous:
    """An anonymous record: its types are known only when a value is there."""

    hint: Hint
    place: Place


@attrs.frozen
class NoNulls:
    """A dict whose values must not be None (hstore)."""

    place: Place


Step = (
    Members
    | Decode
    | Use
    | Only
    | Call
    | Each
    | Bounds
    | Positions
    | Attributes
    | Named
    | Anonymous
    | NoNulls
)
