-- A cast of a timestamp to a time gives NULL for infinity.

CREATE TABLE t (at timestamptz NOT NULL);
INSERT INTO t VALUES ('infinity');

-- statement
SELECT at::time AS a, at::date::text AS b FROM t

-- expected
--   a: not known
--   b: fits
