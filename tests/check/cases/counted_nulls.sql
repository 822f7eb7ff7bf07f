-- num_nulls() and num_nonnulls() say of each what they say of all.

CREATE TABLE t (id int NOT NULL, a int, b int, c int, d int);
INSERT INTO t VALUES (1, 1, 2, NULL, 1), (2, 3, 4, 5, NULL), (3, NULL, 1, 1, 1), (4, 1, 1, NULL, 4);

-- statement
SELECT a, b, c, d, num_nulls(a, c) AS n, CASE WHEN num_nonnulls(c, d) = 2 THEN c ELSE 0 END AS e
FROM t WHERE num_nulls(a, b) = 0 AND num_nonnulls(c, d) >= 1

-- expected
--   a: fits
--   b: fits
--   c: can be NULL
--   d: can be NULL
--   n: fits
--   e: fits
