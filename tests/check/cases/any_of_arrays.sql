-- ANY over an array of arrays looks at the elements of the inner ones.

CREATE TABLE t (n int NOT NULL, a int[] NOT NULL);
INSERT INTO t VALUES (1, '{2,NULL}');

-- statement
SELECT n = ANY (ARRAY[a, a]) AS x, n = ANY (ARRAY[ARRAY[n, 2], ARRAY[3, 4]]) AS y FROM t

-- expected
--   x: not known
--   y: fits
