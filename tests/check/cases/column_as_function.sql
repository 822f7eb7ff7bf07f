-- The name of a column, written as a function of the row.

CREATE TABLE t (id int NOT NULL, upper text);
INSERT INTO t VALUES (1, NULL);

-- statement
SELECT upper(t) AS a FROM t

-- expected
--   a: can be NULL
