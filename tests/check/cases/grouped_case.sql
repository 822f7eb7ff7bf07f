-- A CASE that asks for one grouped column and gives another.

CREATE TABLE t (a int NOT NULL, b int NOT NULL);
INSERT INTO t VALUES (1, 2);

-- statement
SELECT CASE WHEN a IS NULL THEN 0 ELSE b END AS x FROM t GROUP BY ROLLUP (a, b)

-- expected
--   x: can be NULL
