-- A condition on an expression says of the same expression that it is not NULL.

CREATE TABLE t (id int NOT NULL, n int, m int, data jsonb NOT NULL, at timestamptz NOT NULL);
INSERT INTO t VALUES (1, 1, NULL, '{"k": "x"}', now()), (2, 2, 2, '{"k": "y"}', 'infinity'), (3, 3, 1, '{"k": "z"}', now());

-- statement
SELECT nullif(n, 2) AS a, data ->> 'k' AS b, n + 0 AS c, nullif(n, 3) AS d, data ->> 'j' AS e,
       nullif(n, 2) + 1 AS f, upper(data ->> 'k') AS g, extract(dow FROM at) AS h, nullif(m, 2) AS i
FROM t WHERE nullif(n, 2) IS NOT NULL AND data ->> 'k' IS NOT NULL AND extract(dow FROM at) >= 0

-- expected
--   a: fits
--   b: fits
--   c: fits
--   d: can be NULL
--   e: not known
--   f: fits
--   g: fits
--   h: fits
--   i: can be NULL
