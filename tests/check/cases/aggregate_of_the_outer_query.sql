-- An aggregate in a subquery may be the outer query's: the subquery can give no row.

CREATE TABLE t (n int NOT NULL);
CREATE TABLE none (x int);
INSERT INTO t VALUES (1);

-- statement
SELECT (SELECT count(t.n) FROM none) AS a FROM t

-- expected
--   a: can be NULL
