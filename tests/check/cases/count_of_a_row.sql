-- Where there is a row, a count of all of them is not 0.

CREATE TABLE t (id int NOT NULL, kind text NOT NULL, n int NOT NULL, m int);
CREATE TABLE u (id int NOT NULL);
INSERT INTO t VALUES (1, 'x', 1, NULL), (2, 'x', 2, 5), (3, 'y', 3, NULL);

-- statement
SELECT t.n * 1.0 / nullif((SELECT count(*) FROM t), 0) AS each, t.n * 1.0 / nullif(q.c, 0) AS q, t.n * 1.0 / nullif(count(*) OVER (), 0) AS over,
       t.n * 1.0 / nullif(count(*) OVER (PARTITION BY kind), 0) AS kind, g.n * 1.0 / nullif(g.c, 0) AS g,
       t.n * 1.0 / nullif(count(m) OVER (PARTITION BY kind), 0) AS m, t.n * 1.0 / nullif((SELECT count(*) FROM u), 0) AS u,
       t.n * 1.0 / nullif(count(*) OVER (ORDER BY t.id ROWS BETWEEN 2 PRECEDING AND 1 PRECEDING), 0) AS before,
       nullif(regr_count(t.n, m) OVER (PARTITION BY t.id), 0) AS pairs, t.n * 1.0 / nullif(count(*) FILTER (WHERE m > 0) OVER (PARTITION BY t.id), 0) AS some,
       t.n * 1.0 / nullif(v.c, 0) AS v
FROM t, (SELECT count(*) AS c FROM t) q, (SELECT max(n) AS n, count(*) AS c FROM t GROUP BY kind LIMIT 1) g, (SELECT count(*) AS c FROM u) v

-- expected
--   each: fits
--   q: fits
--   over: fits
--   kind: fits
--   g: fits
--   m: can be NULL
--   u: can be NULL
--   before: can be NULL
--   pairs: can be NULL
--   some: can be NULL
--   v: can be NULL
