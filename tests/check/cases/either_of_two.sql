-- WHERE a IS NOT NULL OR b IS NOT NULL, and coalesce of both.

CREATE TABLE t (id int NOT NULL, deleted_at timestamptz, qty int, note text, a int, b int);
INSERT INTO t VALUES (1, NULL, 2, '', NULL, 1), (2, now(), NULL, NULL, 3, NULL), (3, 'infinity', 5, 'x', 3, 3);

-- statement
SELECT coalesce(a, b) AS x, a FROM t WHERE a IS NOT NULL OR b IS NOT NULL

-- expected
--   x: fits
--   a: can be NULL
