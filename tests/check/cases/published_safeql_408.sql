-- SafeQL 408: a key that a JSON document may not have was said to be never NULL.

CREATE TABLE t (data jsonb NOT NULL);
INSERT INTO t VALUES ('{}');

-- statement
SELECT data ->> 'a' AS a, data #>> '{a,b}' AS b FROM t

-- expected
--   a: can be NULL
--   b: can be NULL
