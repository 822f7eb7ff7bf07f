-- Two columns that a subquery has from one are one to the planner: HAVING may see the other.

CREATE TABLE t (id int PRIMARY KEY);
INSERT INTO t VALUES (1);

-- statement
SELECT s.k, s.q FROM (SELECT id AS k, t.id AS q FROM t) s
 GROUP BY s.q, ROLLUP (s.k) HAVING s.k IS NOT NULL

-- expected
--   k: not known
--   q: fits
