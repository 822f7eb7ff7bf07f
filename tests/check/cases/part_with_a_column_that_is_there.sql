-- An optional part with a column that the outer join does not make NULL.

CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE addresses (id int PRIMARY KEY, customer_id int NOT NULL, city text NOT NULL);
CREATE TABLE orders (id int PRIMARY KEY, customer_id int, note text);
INSERT INTO customers VALUES (1, 'Ada'), (2, 'Eva');
INSERT INTO addresses VALUES (1, 1, 'London');
INSERT INTO orders VALUES (1, 1, 'x'), (2, 2, NULL), (3, NULL, NULL);

-- statement
SELECT o.note, o.id AS "customer.id", c.name AS "customer.name"
FROM orders o LEFT JOIN customers c ON c.id = o.customer_id

-- expected
--   note: can be NULL
--   customer.id: fits
--   customer.name: can be NULL
