-- A grouping set that has an expression, but not the column it is made of.

CREATE TABLE t (a text NOT NULL);
INSERT INTO t VALUES ('x');

-- statement
SELECT length(a) AS n, a FROM t GROUP BY GROUPING SETS ((n, a), (n), ())
HAVING length(a) IS NOT NULL

-- expected
--   n: not known
--   a: can be NULL
