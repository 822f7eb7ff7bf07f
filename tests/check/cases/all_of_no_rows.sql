-- <> ALL of an array of no rows is true, for NULL too.

CREATE TABLE t (n int);
CREATE TABLE none (x int NOT NULL);
INSERT INTO t VALUES (NULL), (1);

-- statement
SELECT n FROM t WHERE n <> ALL (ARRAY(SELECT x FROM none))

-- expected
--   n: can be NULL
