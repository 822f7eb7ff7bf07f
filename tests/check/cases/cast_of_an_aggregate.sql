-- A cast of coalesce(sum(x), 0).

CREATE TABLE t (id int NOT NULL, deleted_at timestamptz, qty int, note text, a int, b int);
INSERT INTO t VALUES (1, NULL, 2, '', NULL, 1), (2, now(), NULL, NULL, 3, NULL), (3, 'infinity', 5, 'x', 3, 3);

-- statement
SELECT coalesce(sum(qty), 0)::float8 AS a FROM t

-- expected
--   a: fits
