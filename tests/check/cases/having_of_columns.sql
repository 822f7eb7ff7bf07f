-- HAVING leaves out the rows of grouping sets that it asks for what they have not.

CREATE TABLE t (id int NOT NULL, n int);
INSERT INTO t VALUES (1, 1), (2, NULL);

-- statement
SELECT t.id AS b, n AS c FROM t GROUP BY ROLLUP (t.id, n) HAVING t.id > 0

-- expected
--   b: fits
--   c: can be NULL
