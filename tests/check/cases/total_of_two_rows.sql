-- Two rows that have one column each feed no total of both.

CREATE TABLE t (id int NOT NULL, m int, k int);
INSERT INTO t VALUES (1, NULL, NULL), (2, 2, NULL);

-- statement
SELECT (SELECT sum(a.m + a.k) FROM t a) AS both, (SELECT sum(m) FROM t) AS one, (SELECT sum(k) FROM t) AS two,
       (SELECT sum(x.k) FROM t x) AS again, s.k AS k
FROM t LEFT JOIN t s ON s.id = t.id WHERE t.m IS NOT NULL

-- expected
--   both: can be NULL
--   one: fits
--   two: can be NULL
--   again: can be NULL
--   k: can be NULL
