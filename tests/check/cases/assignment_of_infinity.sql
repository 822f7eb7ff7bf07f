-- So does the cast of an assignment.

CREATE TABLE t (id int PRIMARY KEY, at timestamptz NOT NULL, clock time);
INSERT INTO t VALUES (1, 'infinity', NULL);

-- statement
UPDATE t SET clock = at RETURNING id, clock

-- expected
--   id: fits
--   clock: not known
