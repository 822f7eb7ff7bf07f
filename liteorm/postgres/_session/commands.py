"""What commands mean to a session: the server's answers, and text that must not be sent."""

from __future__ import annotations

import re
from typing import Any, Final

from liteorm._core.sql.text import QUOTED
from liteorm._core.values.results import Result
from liteorm.errors import StatementError

__all__ = ["check_pooled", "check_transaction_text", "result_of", "transaction_command"]

_TRANSACTION_TAGS: Final = {
    *(b"BEGIN", b"START TRANSACTION", b"COMMIT", b"ROLLBACK"),
    *(b"SAVEPOINT", b"RELEASE", b"PREPARE TRANSACTION", b"COMMIT PREPARED", b"ROLLBACK PREPARED"),
}
# What stays behind on a connection, as far as the server's answer tells.
_LASTING_TAGS: Final = {b"SET", b"RESET", b"LISTEN", b"PREPARE", b"DECLARE CURSOR", b"LOAD"}
SPECIAL_TAGS: Final = frozenset(_TRANSACTION_TAGS | _LASTING_TAGS)

# White space and comments before a statement's first word; comments may be nested once.
_BEFORE: Final = r"(?:\s|--[^\n]*(?:\n|\Z)|/\*(?:[^*/]|\*(?!/)|/(?!\*)|/\*.*?\*/)*\*/)*"
# SET that ends with the transaction.
_PASSING_SET: Final = re.compile(rf"(?is)\A{_BEFORE}SET\s+(LOCAL|TRANSACTION|CONSTRAINTS)\b")
_TRANSACTION: Final = re.compile(
    rf"(?is)\A{_BEFORE}(BEGIN|START\s+TRANSACTION|COMMIT|END|ROLLBACK|ABORT|SAVEPOINT|RELEASE|"
    r"PREPARE\s+TRANSACTION)\b"
)
_LASTING: Final = re.compile(
    rf"(?is)\A{_BEFORE}(SET(?!\s+(?:LOCAL|TRANSACTION|CONSTRAINTS)\b)|RESET|LISTEN|UNLISTEN|"
    r"PREPARE(?!\s+TRANSACTION\b)|DISCARD|LOAD|DECLARE\b.*\bWITH\s+HOLD|"
    r"CREATE\s+(?:LOCAL\s+|GLOBAL\s+)?TEMP(?:ORARY)?)\b"
)


def is_transaction(tag: bytes) -> bool:
    """Say whether the server answered a transaction command."""
    return tag in _TRANSACTION_TAGS


def lasts(tag: bytes, sql: Any) -> bool:
    """Say whether the command left something behind that outlives the transaction."""
    if tag not in _LASTING_TAGS:
        return False
    return not (tag == b"SET" and isinstance(sql, str) and _PASSING_SET.match(sql))


def transaction_command(command: str) -> StatementError:
    """Return the refusal of a transaction command sent as text."""
    return StatementError(
        f"{' '.join(command.upper().split())} cannot be sent as text: "
        "the session keeps track of its transaction",
        hint="use session.transaction(), db.begin(), tx.commit() and tx.rollback()",
    )


def _pieces(sql: str) -> list[str]:
    """Split a script into its statements, well enough to see how each begins."""
    if ";" not in sql:
        return [sql]
    # The body of a function in the SQL standard's form has semicolons (and an END) of its own.
    if re.search(r"(?i)\bBEGIN\s+ATOMIC\b", sql):
        return [sql]
    return QUOTED.sub(" ", sql).split(";")


def check_transaction_text(sql: str) -> None:
    """Refuse transaction commands, alone or in a script."""
    for piece in _pieces(sql):
        if found := _TRANSACTION.match(piece):
            raise transaction_command(found[1])


def check_pooled(sql: str) -> None:
    """Refuse what makes no sense through a pooler in transaction mode."""
    for piece in _pieces(sql):
        if found := _LASTING.match(piece):
            command = found[1].split(None, 1)[0].upper()
            raise StatementError(
                f"{command} changes a server session, and behind a pooler in transaction mode "
                "the next statement may run in another one",
                hint="use SET LOCAL in a transaction, or connect to the server directly",
            )


def result_of(results: list[Any]) -> Result:
    """Return what a statement did; of several, what the last one did."""
    if not results:
        return Result(0, "")
    last = results[-1]
    tag = (last.command_status or b"").decode()
    words = tag.rstrip("0123456789 ") if tag[-1:].isdigit() else tag
    return Result(last.command_tuples or 0, words)


_ISOLATION: Final = ("read uncommitted", "read committed", "repeatable read", "serializable")


def begin_text(isolation: str | None, read_only: bool | None, deferrable: bool | None) -> str:
    """Write the BEGIN of a transaction with these options."""
    words = ["BEGIN"]
    if isolation is not None:
        if isolation not in _ISOLATION:
            raise ValueError(f"isolation must be one of {', '.join(_ISOLATION)}, not {isolation!r}")
        words.append(f"ISOLATION LEVEL {isolation.upper()}")
    if read_only is not None:
        words.append("READ ONLY" if read_only else "READ WRITE")
    if deferrable is not None:
        words.append("DEFERRABLE" if deferrable else "NOT DEFERRABLE")
    return " ".join(words)
