-- An expression that every grouping set has is a value, whichever of its columns a set leaves out.

CREATE TABLE t (n int NOT NULL);
INSERT INTO t VALUES (1);

-- statement
SELECT n * n AS a, CASE WHEN n IS NOT NULL THEN bool_or(true) END AS b
FROM t GROUP BY 1, ROLLUP (n) HAVING n * n IS NOT NULL

-- expected
--   a: fits
--   b: can be NULL
