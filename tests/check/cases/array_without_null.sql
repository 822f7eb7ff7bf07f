-- array_remove(…, NULL) leaves no NULL inside; array_remove of something else does.

CREATE TABLE t (id int NOT NULL, qty int);
INSERT INTO t VALUES (1, NULL), (2, 2);

-- statement
SELECT coalesce(array_remove(array_agg(qty), NULL), '{}') AS a, coalesce(array_remove(array_agg(qty), 2), '{}') AS b,
       array_remove(array_agg(qty) FILTER (WHERE id > 5), NULL) AS c
FROM t

-- expected
--   a: fits
--   b: NULL inside
--   c: can be NULL
