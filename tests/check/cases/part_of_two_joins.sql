-- An optional part whose columns come from two outer joins: a customer without an address.

CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE addresses (id int PRIMARY KEY, customer_id int NOT NULL, city text NOT NULL);
CREATE TABLE orders (id int PRIMARY KEY, customer_id int, note text);
INSERT INTO customers VALUES (1, 'Ada'), (2, 'Eva');
INSERT INTO addresses VALUES (1, 1, 'London');
INSERT INTO orders VALUES (1, 1, 'x'), (2, 2, NULL), (3, NULL, NULL);

-- statement
SELECT o.id, c.id AS "customer.id", c.name AS "customer.name", a.city AS "customer.city"
FROM orders o
LEFT JOIN customers c ON c.id = o.customer_id
LEFT JOIN addresses a ON a.customer_id = c.id

-- expected
--   id: fits
--   customer.id: fits
--   customer.name: fits
--   customer.city: can be NULL
