-- An element of an array column is inserted, and one of a point.

CREATE TABLE t (id int PRIMARY KEY, a int[], p point);

-- statement
INSERT INTO t (id, a[1], p[0]) VALUES (1, 2, 3) RETURNING id, p IS NULL AS x, p::text AS p

-- expected
--   id: fits
--   x: fits
--   p: not known
