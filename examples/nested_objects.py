"""Scan a join, a json column and an array of composites into nested objects."""

import attrs

import liteorm
import liteorm_testing
from liteorm import postgres


@attrs.frozen
class Line:
    product: str
    quantity: int


@attrs.frozen
class Address:
    street: str
    city: str


@attrs.frozen
class Customer:
    name: str
    address: Address  # a jsonb column


@attrs.frozen
class Order:
    id: int
    customer: Customer | None  # None where the outer join found nobody
    lines: list[Line]  # an array of rows


def main(dsn: str) -> None:
    with postgres.open(dsn) as db:
        db.execute("""
            CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL, address jsonb NOT NULL);
            CREATE TABLE orders (id int PRIMARY KEY, customer_id int REFERENCES customers);
            CREATE TABLE lines (order_id int REFERENCES orders, product text, quantity int);
            INSERT INTO customers VALUES (1, 'Ada', '{"street": "Mill Lane 1", "city": "Leeds"}');
            INSERT INTO orders VALUES (1, 1), (2, NULL);
            INSERT INTO lines VALUES (1, 'tea', 2), (1, 'cups', 6), (2, 'milk', 1);
        """)
        rows = db.query("""
            SELECT o.id, c.name AS "customer.name", c.address AS "customer.address",
                   ARRAY(SELECT ROW(l.product, l.quantity) FROM lines l
                         WHERE l.order_id = o.id ORDER BY l.product) AS lines
            FROM orders o LEFT JOIN customers c ON c.id = o.customer_id
            ORDER BY o.id
        """)
        for order in liteorm.scan(rows, Order):
            print(order)


if __name__ == "__main__":
    with liteorm_testing.server("embedded") as server:
        main(server.dsn)
