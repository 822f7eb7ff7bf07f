"""Lends books: `python -m library [DSN]`; without a DSN an embedded server is started."""

from __future__ import annotations

import sys
from datetime import date, timedelta
from pathlib import Path

from library.models import CONSTRAINT_ERRORS, AlreadyLent, Book, Genre, Member
from library.statements import lend, loans_of, queries, take_back
from liteorm import postgres

SCHEMA = Path(__file__).parent.parent / "schema.sql"


def main(dsn: str) -> None:
    with postgres.open(dsn, constraint_errors=CONSTRAINT_ERRORS) as db:
        db.insert_many(
            [
                Book(isbn="1", title="Emma", genre=Genre.NOVEL, pages=474, tags=["classic"]),
                Book(isbn="2", title="TAOCP", genre=Genre.MANUAL, pages=650),
                Book(isbn="3", title="Walden", genre=Genre.ESSAY, tags=["classic"]),
            ]
        )
        ada = db.insert(Member(name="Ada", email="ada@example.com"))
        bob = db.insert(Member(name="Bob", email="bob@example.com"))
        due = date.today() + timedelta(days=30)
        loan = lend.one(db, isbn="1", member_id=ada.id, due=due)
        try:
            lend.one(db, isbn="1", member_id=bob.id, due=due)
        except AlreadyLent:
            print("Emma is out")
        print("Ada has", [item.title for item in loans_of.all(db, member=ada.id)])
        for shelf in queries.shelf(db):
            print(f"{shelf.title}: {'on the shelf' if shelf.loan is None else 'lent'}")
        print("classics:", ", ".join(queries.titles_with_tag(db, tag="classic")))
        print("days:", queries.longest_waiting(db), "back:", take_back.one(db, loan.id))
        print("days:", queries.longest_waiting(db))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(sys.argv[1])
    else:
        from liteorm_testing import database, server

        with server(kind="embedded") as started, database(started, SCHEMA) as made:
            main(made.dsn)
