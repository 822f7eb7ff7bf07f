"""SQL that does not stand in our source, as `liteorm.sql` takes it."""

from __future__ import annotations

from typing import Any, LiteralString

import liteorm
from liteorm import Sql


def trusted(text: Any) -> LiteralString:
    """SQL that is vouched for: the user's own files, and what we have quoted."""
    vouched: LiteralString = text
    return vouched


def raw(text: str) -> Sql:
    """Text as it is, which the server gave us as SQL."""
    return liteorm.sql(trusted(text.replace("{", "{{").replace("}", "}}")))


def literal(text: str) -> Sql:
    """Text as a literal, where PostgreSQL's grammar takes no parameter."""
    return raw("'" + text.replace("'", "''") + "'")
