"""Tables with a column of a type that has no binary input."""

from __future__ import annotations

import attrs
import pytest

import liteorm
from liteorm.postgres import AsyncDB

pytestmark = pytest.mark.anyio


@liteorm.table("granted", key="id")
@attrs.frozen
class Granted:
    """Some of the columns; none of them is the one without binary input."""

    id: int
    name: str | None
    data: bytes


@pytest.mark.parametrize("call", ["insert_many", "upsert_many", "insert_returning"])
async def test_an_unmapped_column_without_binary_input_is_no_hindrance(
    liteorm_async_db: AsyncDB, call: str
) -> None:
    """Binary COPY asks for the input of each column of the table; the rows go as text then."""
    await liteorm_async_db.execute(
        "CREATE TABLE granted (id int PRIMARY KEY, name text, data bytea, acl aclitem)"
    )
    rows = [Granted(1, "a\tb\\", b"\x00\xff"), Granted(2, None, b"")]
    await getattr(liteorm_async_db, call)(rows)
    found = await liteorm_async_db.query("SELECT id, name, data FROM granted ORDER BY id")
    assert liteorm.scan(found, Granted) == rows
