-- A CASE that asks for an expression before it gives it.

CREATE TABLE t (id int NOT NULL, data jsonb NOT NULL, n int);
INSERT INTO t VALUES (1, '{"k": "x", "j": null}', 0), (2, '{}', 1), (3, '{"j": "", "k": null}', NULL);

-- statement
SELECT CASE WHEN data ->> 'k' IS NOT NULL THEN data ->> 'k' ELSE '' END AS a,
       CASE WHEN data ->> 'k' IS NULL THEN 'none' ELSE upper(data ->> 'k') END AS b,
       CASE WHEN data ->> 'k' <> '' THEN data ->> 'k' ELSE 'x' END AS c,
       data ->> 'k' IS NULL OR data ->> 'k' <> 'x' AS d,
       CASE WHEN data ->> 'k' IS NOT NULL THEN data ->> 'j' ELSE '' END AS e,
       CASE WHEN nullif(n, 0) IS NULL THEN nullif(n, 0) ELSE 1 END AS f,
       CASE WHEN nullif(n, 0) IS NULL THEN 0 ELSE 10 / nullif(n, 0) END AS g
FROM t

-- expected
--   a: fits
--   b: fits
--   c: fits
--   d: fits
--   e: not known
--   f: can be NULL
--   g: fits
