-- A grouping set leaves out an expression that is grouped by its alias.

CREATE TABLE t (n int);
INSERT INTO t VALUES (NULL), (1);

-- statement
SELECT coalesce(n, 0) AS x, count(*) FROM t GROUP BY ROLLUP (x)

-- expected
--   x: can be NULL
--   count: fits
