-- An optional part from one outer join whose missing side is a join itself.

CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE addresses (id int PRIMARY KEY, customer_id int NOT NULL, city text NOT NULL);
CREATE TABLE orders (id int PRIMARY KEY, customer_id int, note text);
INSERT INTO customers VALUES (1, 'Ada'), (2, 'Eva');
INSERT INTO addresses VALUES (1, 1, 'London');
INSERT INTO orders VALUES (1, 1, 'x'), (2, 2, NULL), (3, NULL, NULL);

-- statement
SELECT o.id, c.name AS "customer.name", a.city AS "customer.city"
FROM orders o
LEFT JOIN (customers c JOIN addresses a ON a.customer_id = c.id) ON c.id = o.customer_id

-- expected
--   id: fits
--   customer.name: fits
--   customer.city: fits
