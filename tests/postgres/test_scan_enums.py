"""Enums and literals: members by value or by name, and what is unknown is an error."""

from __future__ import annotations

import enum
from decimal import Decimal
from typing import Any, Literal

import pytest

from liteorm import ScanError, postgres, scan
from tests.postgres.scanning import query, value_of


class Text(enum.Enum):
    A = "a"
    ALSO_A = "a"  # noqa: PIE796
    B = "b"


class Word(enum.StrEnum):
    A = "a"


class Mixin(str, enum.Enum):  # noqa: UP042
    A = "a"


class Number(enum.IntEnum):
    ONE = 1


class Plain(enum.Enum):
    ONE = 1
    TWO = 2


class Bits(enum.Flag):
    X = 1
    Y = 2


class Wide(enum.IntFlag):
    X = 1


class Odd(enum.Enum):
    a = (1, 2)
    b = None


class Price(enum.Enum):
    LOW = Decimal("1.5")


class Truth(enum.Enum):
    YES = True


class Lenient(enum.Enum):
    A = "a"
    OTHER = "other"

    @classmethod
    def _missing_(cls, value: object) -> Lenient:
        return cls.OTHER


class Failing(enum.Enum):
    A = "a"

    @classmethod
    def _missing_(cls, value: object) -> None:
        raise KeyError("no member")


@pytest.mark.parametrize(
    ("expression", "annotation", "expected"),
    [
        ("'a'", Text, Text.A),
        ("'b'::varchar", Text, Text.B),
        ("'a'", Word, Word.A),
        ("'a'", Mixin, Mixin.A),
        ("1", Number, Number.ONE),
        ("1::int2", Plain, Plain.ONE),
        ("'TWO'", Plain, Plain.TWO),
        ("'ONE'", Number, Number.ONE),
        ("3", Bits, Bits.X | Bits.Y),
        ("0", Bits, Bits(0)),
        ("9", Wide, Wide(9)),
        ("'a'", Odd, Odd.a),
        ("1.50", Price, Price.LOW),
        ("true", Truth, Truth.YES),
        ("'zzz'", Lenient, Lenient.OTHER),
        ("NULL::text", Text | None, None),
        ("ARRAY['a', NULL]", list[Text | None], [Text.A, None]),
        ("ARRAY['a', 'b']", frozenset[Text], frozenset({Text.A, Text.B})),
        ("'a'", Literal["a", "b"], "a"),
        ("2", Literal[1, 2], 2),
        ("true", Literal[True], True),
        ("'a'", Literal["a", 1], "a"),
        ("'a'", Literal[Text.A], Text.A),
        ("'ONE'", Literal[Plain.ONE], Plain.ONE),
        ("NULL::text", Literal["a", None], None),
        ("ARRAY['a']", list[Literal["a"]], ["a"]),
        ("'b'", Text | Lenient, Text.B),
        ("'q'", Text | Lenient, Lenient.OTHER),
    ],
)
def test_members_are_found(
    module_db: postgres.DB, expression: str, annotation: Any, expected: object
) -> None:
    """By value where the values are of the column's type, else by name."""
    found = value_of(module_db, expression, annotation)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("values", "annotation"),
    [
        ("'a', 'c'", Text),
        ("'A', 'a'", Plain),
        ("1, 4", Bits),
        ("1, 2", Number),
        ("'a', 'c'", Literal["a"]),
        ("1, 3", Literal[1, 2]),
        ("'a', 'zzz'", Text | Word),
    ],
)
def test_unknown_members_name_column_and_row(
    module_db: postgres.DB, values: str, annotation: Any
) -> None:
    """A value that Python does not know is an error of its row."""
    rows = query(module_db, f"SELECT unnest(ARRAY[{values}]) AS v")
    if annotation is Plain:
        rows = query(module_db, "SELECT unnest(ARRAY['ONE', 'a']) AS v")
    with pytest.raises(ScanError, match="holds a value which") as caught:
        scan(rows, annotation)
    assert (caught.value.column, caught.value.row) == ("v", 1)


@pytest.mark.parametrize(
    ("expression", "annotation", "message"),
    [
        ("1", Text, "cast it: v::text"),
        ("1.5::float8", Number, "annotate the field float"),
        ("true", Literal[1], "annotate the field bool"),
        ("1", Literal["a"], "cast it: v::text"),
        ("now()", Plain, "annotate the field datetime"),
    ],
)
def test_a_type_that_no_member_has_is_refused_before_the_rows(
    module_db: postgres.DB, expression: str, annotation: Any, message: str
) -> None:
    """An empty result with the wrong type is an error too."""
    rows = query(module_db, f"SELECT {expression} AS v WHERE false")
    with pytest.raises(ScanError, match=message):
        scan(rows, tuple[annotation])


def test_what_missing_raises_comes_through_with_a_note(module_db: postgres.DB) -> None:
    """A hook of the user's own speaks for itself."""
    with pytest.raises(KeyError) as caught:
        value_of(module_db, "'x'", Failing)
    assert caught.value.__notes__ == ['while scanning tuple[Failing]: column "v", row 0']


@pytest.mark.parametrize(
    ("sql", "model"),
    [("SELECT 1 AS v", Truth), ("SELECT true AS v", Number), ("SELECT true AS v", Plain)],
)
def test_true_is_no_number_and_one_is_no_truth(
    module_db: postgres.DB, sql: Any, model: Any
) -> None:
    """Python calls them equal; members are found in a column of their values' own type alone."""
    with pytest.raises(ScanError):
        scan(module_db.query(sql), model)
    with pytest.raises(ScanError):
        many: Any = f"SELECT array_agg(v) FROM ({sql}) AS q"
        scan(module_db.query(many), list[model])
