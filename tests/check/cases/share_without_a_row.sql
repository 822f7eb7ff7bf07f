-- No row of the table need be there: on the missing side, in a grand total, beside a join that may fill it up.

CREATE TABLE t (id int NOT NULL, n int NOT NULL);
CREATE TABLE u (id int NOT NULL, n int NOT NULL);
INSERT INTO u VALUES (1, 1);

-- statement
SELECT (SELECT max(n) FROM t) AS a, v.s AS b, (SELECT s FROM (SELECT sum(t.n) * (SELECT sum(n) FROM t) AS s FROM t GROUP BY ROLLUP (t.id) LIMIT 1) g) AS c,
       (SELECT q.k FROM (SELECT (SELECT sum(n) FROM t) AS k, count(*) FROM t) q) AS d
FROM t RIGHT JOIN u ON true RIGHT JOIN (VALUES ((SELECT sum(n) FROM t))) v (s) ON true

-- expected
--   a: can be NULL
--   b: can be NULL
--   c: can be NULL
--   d: can be NULL
