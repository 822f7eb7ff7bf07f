-- The planner makes a column of an expression that is grouped by, and HAVING sees that one where the column is left out.

CREATE TABLE t (id int NOT NULL, n int);
INSERT INTO t VALUES (1, 1), (2, NULL);

-- statement
SELECT CASE WHEN true THEN t.id END AS a, t.id AS b, n AS c FROM t GROUP BY ROLLUP (1, t.id), n HAVING t.id > 0

-- expected
--   a: not known
--   b: not known
--   c: can be NULL
