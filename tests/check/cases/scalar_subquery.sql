-- A scalar subquery that need not have a row.

CREATE TABLE t (id int NOT NULL, deleted_at timestamptz, qty int, note text, a int, b int);
INSERT INTO t VALUES (1, NULL, 2, '', NULL, 1), (2, now(), NULL, NULL, 3, NULL), (3, 'infinity', 5, 'x', 3, 3);

-- statement
SELECT (SELECT note FROM t u WHERE u.id = t.id + 99) AS a, (SELECT count(*) FROM t) AS b FROM t

-- expected
--   a: can be NULL
--   b: fits
