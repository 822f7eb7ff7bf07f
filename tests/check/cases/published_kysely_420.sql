-- kysely 420: a scalar subquery that may find no row was said to be never NULL.

CREATE TABLE t (id int NOT NULL, name text NOT NULL);
INSERT INTO t VALUES (1, 'a');

-- statement
SELECT name, (SELECT id FROM t WHERE id = 2 LIMIT 1) AS other, (SELECT count(*) FROM t) AS n FROM t

-- expected
--   name: fits
--   other: can be NULL
--   n: fits
