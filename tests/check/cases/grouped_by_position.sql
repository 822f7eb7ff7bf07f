-- A grouping set leaves out an expression that is grouped by its position.

CREATE TABLE t (n int);
INSERT INTO t VALUES (NULL), (1);

-- statement
SELECT coalesce(n, 0) AS x, sum(1) AS s FROM t WHERE n > 5 GROUP BY CUBE (1)

-- expected
--   x: can be NULL
--   s: can be NULL
