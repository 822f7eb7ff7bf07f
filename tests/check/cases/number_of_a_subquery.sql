-- A number that a subquery computes is never another one.

CREATE TABLE t (id int NOT NULL, n int NOT NULL);
INSERT INTO t VALUES (1, 1), (2, 0), (3, 3);

-- statement
SELECT nullif(q.one, 0) AS one, 1.0 / nullif(q.n, 0) AS n, nullif(q.n, 3) AS three, CASE WHEN q.kind > 0 THEN 1 WHEN q.kind = 0 THEN 2 END AS kind,
       nullif(u.x, 0) AS x, (SELECT nullif(max(id), 3) FROM t) AS max
FROM (SELECT 1 AS one, n, CASE WHEN n > 1 THEN 1 ELSE 1 END AS kind FROM t WHERE n > 0) q, (SELECT 1 AS x UNION ALL SELECT 0) u

-- expected
--   one: fits
--   n: fits
--   three: can be NULL
--   kind: fits
--   x: can be NULL
--   max: can be NULL
