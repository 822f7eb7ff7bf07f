-- The same where no row of that table is read beside it.

CREATE TABLE t (id int NOT NULL, n int NOT NULL);
CREATE TABLE u (id int NOT NULL, n int NOT NULL);
CREATE MATERIALIZED VIEW stale AS SELECT sum(n) AS n FROM t;
INSERT INTO t VALUES (1, 1);
INSERT INTO u VALUES (1, 1), (2, 1);
CREATE TABLE part (id int NOT NULL) PARTITION BY LIST (id);

-- statement
WITH w AS (SELECT sum(n) AS n FROM t WHERE n > 1), x AS (SELECT sum(id) AS id FROM part)
SELECT w.n AS a, x.id AS b, (SELECT id FROM x) AS c, stale.n AS d, y.n AS e
FROM u LEFT JOIN t ON t.id = u.id AND t.n > 1 CROSS JOIN w CROSS JOIN x CROSS JOIN stale
CROSS JOIN (SELECT sum(n) AS n FROM ONLY t WHERE id > 2) y LEFT JOIN part ON part.id = u.id

-- expected
--   a: can be NULL
--   b: can be NULL
--   c: can be NULL
--   d: can be NULL
--   e: can be NULL
