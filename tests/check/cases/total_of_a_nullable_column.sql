-- A total of a nullable column has a value where the row beside it has one in this column.

CREATE TABLE t (id int NOT NULL, n int NOT NULL, m int, k int);
INSERT INTO t VALUES (1, 1, NULL, NULL), (2, 2, NULL, NULL), (3, 3, 5, NULL);

-- statement
SELECT t.m * 1.0 / (SELECT sum(m) FROM t) AS share, q.m AS q, t.m * 1.0 / nullif(q.c, 0) AS each, (SELECT max(m + n) FROM t) AS both,
       (SELECT max(m + k) FROM t) AS other, q.k AS k, (SELECT sum(m) FROM t s WHERE s.id > 9) AS some,
       (SELECT sum(m) FILTER (WHERE id > 9) FROM t) AS filtered
FROM t, (SELECT sum(m) AS m, count(m) AS c, sum(k) AS k FROM t) q WHERE t.m > 0

-- expected
--   share: fits
--   q: fits
--   each: fits
--   both: fits
--   other: can be NULL
--   k: can be NULL
--   some: can be NULL
--   filtered: can be NULL
