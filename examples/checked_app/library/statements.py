"""The application's SQL: some here, the rest in `queries/`."""

from __future__ import annotations

import liteorm
from library.models import (
    AlreadyLent,
    Book,
    GenreCount,
    Loan,
    Member,
    NewLoan,
    OpenLoan,
    Shelf,
)

__all__ = ["AlreadyLent", "Book", "Member", "Shelf", "lend", "loans_of", "queries", "take_back"]

lend = liteorm.statement(
    Loan,
    """
    INSERT INTO loans (isbn, member_id, due) VALUES (%(isbn)s, %(member_id)s, %(due)s)
    RETURNING id, isbn, due, returned
    """,
    params=NewLoan,
)

take_back = liteorm.statement(
    str,
    "UPDATE loans SET returned = now() WHERE id = %s AND returned IS NULL RETURNING isbn",
)

loans_of = liteorm.statement(
    OpenLoan,
    "SELECT title, member, due FROM open_loans WHERE member_id = %(member)s ORDER BY due",
    params={"member": int},
)

# The headers' classes are looked up here: GenreCount and Shelf are imported for them.
queries = liteorm.load("queries/", models={"GenreCount": GenreCount, "Shelf": Shelf})
