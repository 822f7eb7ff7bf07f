-- sqlc 1663: COALESCE was said to be never NULL, whatever its arguments are.

CREATE TABLE t (a text, b text NOT NULL, c text);
INSERT INTO t VALUES (NULL, 'x', NULL);

-- statement
SELECT coalesce(a) AS x, coalesce(a, c) AS y, coalesce(a, b) AS z, coalesce(b, a) AS w FROM t

-- expected
--   x: can be NULL
--   y: can be NULL
--   z: fits
--   w: fits
