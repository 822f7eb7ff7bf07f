-- A total over a whole table, from WITH, a subquery or a view, beside a row of that table.

CREATE TABLE t (id int NOT NULL, kind text NOT NULL, n int NOT NULL, m int);
INSERT INTO t VALUES (1, 'x', 1, NULL), (2, 'x', 2, NULL), (3, 'y', 3, NULL);
CREATE VIEW totals AS SELECT sum(n) AS n, max(m) AS m FROM t;

-- statement
WITH w AS (SELECT sum(n) AS n, max(m) AS m FROM t)
SELECT 100.0 * t.n / w.n AS a, (SELECT n FROM w) AS b, v.n AS c, q.n AS d, k.share AS e, w.m AS f
FROM t, w, totals v CROSS JOIN (SELECT max(n) AS n FROM t s) q
CROSS JOIN (SELECT kind, count(*) * 1.0 / max(w.n) AS share FROM t, w GROUP BY kind) k

-- expected
--   a: fits
--   b: fits
--   c: fits
--   d: fits
--   e: fits
--   f: can be NULL
