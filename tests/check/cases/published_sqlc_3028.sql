-- sqlc 3028: the sum of no rows was said to be never NULL.

CREATE TABLE t (owner int NOT NULL, amount int NOT NULL);

-- statement
SELECT sum(amount) AS total FROM t WHERE owner = 1

-- expected
--   total: can be NULL
