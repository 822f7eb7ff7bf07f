-- What WHERE or the table's own CHECK asks for, FILTER lets through; of what HAVING counts there is some.

CREATE TABLE t (id int NOT NULL, kind text NOT NULL, paid bool NOT NULL, n int NOT NULL CHECK (n > 0), m int CHECK (m > 0));
INSERT INTO t VALUES (1, 'x', true, 1, NULL), (2, 'x', true, 2, 5), (3, 'y', true, 3, NULL), (4, 'z', false, 1, 1);

-- statement
SELECT kind, max(n) FILTER (WHERE paid) AS paid, array_agg(n) FILTER (WHERE n > 0) AS all, avg(n) FILTER (WHERE true) AS avg,
       max(n) FILTER (WHERE NOT paid) AS unpaid, max(m) FILTER (WHERE paid) AS m, max(n) FILTER (WHERE m > 0) AS of_m,
       min(n) FILTER (WHERE id > 0) AS counted, min(m) FILTER (WHERE id > 0) AS counted_m
FROM t WHERE paid GROUP BY kind HAVING count(*) FILTER (WHERE id > 0) > 0

-- expected
--   kind: fits
--   paid: fits
--   all: fits
--   avg: fits
--   unpaid: can be NULL
--   m: can be NULL
--   of_m: can be NULL
--   counted: fits
--   counted_m: can be NULL
