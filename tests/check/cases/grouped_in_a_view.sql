-- Grouping sets in a view and in a subquery.

CREATE TABLE t (a int NOT NULL, b int NOT NULL);
INSERT INTO t VALUES (1, 2);
CREATE VIEW v AS SELECT a + 1 AS a, count(*) AS n FROM t GROUP BY GROUPING SETS ((1), ());

-- statement
SELECT q.a, q.n FROM (SELECT * FROM v) q

-- expected
--   a: can be NULL
--   n: fits
