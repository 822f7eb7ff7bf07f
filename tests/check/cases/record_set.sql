-- jsonb_to_recordset gives NULL for keys that are not there.

CREATE TABLE t (j jsonb NOT NULL);
INSERT INTO t VALUES ('[{"a": 1}, {}]');

-- statement
SELECT r.a FROM t, jsonb_to_recordset(t.j) AS r (a int)

-- expected
--   a: can be NULL
