-- A sum, a minimum or a maximum of what is larger than 0 is that too.

CREATE TABLE t (kind text NOT NULL, n int NOT NULL CHECK (n > 0), price numeric NOT NULL, z int NOT NULL, at int);
INSERT INTO t VALUES ('x', 1, 2, 0, 1), ('x', 2, 0, 0, NULL), ('y', 3, 1, 0, 4);

-- statement
SELECT kind, sum(n * price) / nullif(sum(n), 0) AS a, 1 / nullif(min(n), 0) AS b, 1 / nullif(max(n), 3) AS c,
       10 / nullif(sum(z), 0) AS d, nullif(sum(n) FILTER (WHERE price > 1), 0) AS e, nullif(max(at), 4) AS f,
       n.share AS g
FROM t CROSS JOIN (SELECT n * 1.0 / nullif(sum(n) OVER (), 0) AS share FROM t) n
GROUP BY kind, n.share

-- expected
--   kind: fits
--   a: fits
--   b: fits
--   c: can be NULL
--   d: can be NULL
--   e: can be NULL
--   f: can be NULL
--   g: fits
