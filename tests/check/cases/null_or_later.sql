-- (x IS NULL OR x > y) and its twin with AND are never NULL.

CREATE TABLE t (id int NOT NULL, deleted_at timestamptz, qty int, note text, a int, b int);
INSERT INTO t VALUES (1, NULL, 2, '', NULL, 1), (2, now(), NULL, NULL, 3, NULL), (3, 'infinity', 5, 'x', 3, 3);

-- statement
SELECT (deleted_at IS NULL OR deleted_at > now()) AS active,
       (deleted_at IS NOT NULL AND deleted_at <= now()) AS gone FROM t

-- expected
--   active: fits
--   gone: fits
