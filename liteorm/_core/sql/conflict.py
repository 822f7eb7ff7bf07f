"""A unique or exclusion constraint by its name, as what an upsert may run into."""

from __future__ import annotations

from attrs import field, frozen

from liteorm._core.sql.text import quoted


def _is_name(_: object, __: object, value: str) -> None:
    quoted(value)


@frozen
class Constraint:
    """Name the constraint that decides between INSERT and UPDATE: `conflict=Constraint("…")`.

    Args:
        name: The constraint's name, as the database has it; case counts.

    Raises:
        DataError: The name is empty or contains NUL.

    Example:
        >>> liteorm.Constraint("users_email_key")
        Constraint(name='users_email_key')
    """

    name: str = field(validator=_is_name)
