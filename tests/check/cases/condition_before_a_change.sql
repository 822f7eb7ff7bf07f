-- A condition on an expression is about the row before the change.

CREATE TABLE t (id int NOT NULL, n int);
INSERT INTO t VALUES (1, 1), (2, 2), (3, NULL);

-- statement
UPDATE t SET n = nullif(n, 1) + 5 WHERE n + 1 > 0 RETURNING n, n + 1 AS more, id + 1 AS id

-- expected
--   n: can be NULL
--   more: can be NULL
--   id: fits
