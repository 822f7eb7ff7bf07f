-- The same through a view and a subquery.

CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE addresses (id int PRIMARY KEY, customer_id int NOT NULL, city text NOT NULL);
CREATE TABLE orders (id int PRIMARY KEY, customer_id int, note text);
INSERT INTO customers VALUES (1, 'Ada'), (2, 'Eva');
INSERT INTO addresses VALUES (1, 1, 'London');
INSERT INTO orders VALUES (1, 1, 'x'), (2, 2, NULL), (3, NULL, NULL);
CREATE VIEW with_city AS SELECT c.id, c.name, a.city
    FROM customers c LEFT JOIN addresses a ON a.customer_id = c.id;

-- statement
SELECT o.id, v.id AS "customer.id", v.city AS "customer.city"
FROM orders o LEFT JOIN (SELECT * FROM with_city) v ON v.id = o.customer_id

-- expected
--   id: fits
--   customer.id: fits
--   customer.city: can be NULL
