"""Show what liteorm says about a wrong annotation, an unexpected NULL and a broken constraint."""

import attrs

import liteorm
import liteorm_testing
from liteorm import postgres


@liteorm.table("products", key="id")
@attrs.frozen
class Product:
    id: int
    name: str
    price: float


def main(dsn: str) -> None:
    with postgres.open(dsn) as db:
        db.execute("""
            CREATE TABLE products (
                id int PRIMARY KEY, name text CONSTRAINT products_name_key UNIQUE, price numeric);
            INSERT INTO products VALUES (1, 'tea', 2.50), (2, NULL, 4.00)
        """)
        try:
            liteorm.scan(db.query("SELECT * FROM products"), Product)
        except liteorm.ScanError as error:
            print("ScanError:", error)

        try:
            rows = db.query("SELECT id, name, price::float8 FROM products ORDER BY id")
            liteorm.scan(rows, Product)
        except liteorm.ScanError as error:
            print("ScanError:", error)

        try:
            db.execute("INSERT INTO products VALUES (%s, %s, %s)", [3, "tea", 3])
        except liteorm.UniqueViolation as error:
            print("UniqueViolation:", error)
            print("constraint:", error.constraint, "retryable:", error.retryable)


if __name__ == "__main__":
    with liteorm_testing.server("embedded") as server:
        main(server.dsn)
