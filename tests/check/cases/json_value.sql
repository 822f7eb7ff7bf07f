-- JSON_VALUE of a column.
-- since PostgreSQL 17

CREATE TABLE t (j jsonb NOT NULL);
INSERT INTO t VALUES ('{}');

-- statement
SELECT JSON_VALUE(j, '$.a') AS a FROM t

-- expected
--   a: can be NULL
