-- The same by a CHECK.

CREATE TABLE t (a int, b int, CHECK (num_nonnulls(a, b) > 0), CHECK (a IS NOT NULL OR b IS NOT NULL));
INSERT INTO t VALUES (NULL, 1), (1, NULL);

-- statement
SELECT coalesce(a, b) AS x, a FROM t

-- expected
--   x: fits
--   a: can be NULL
