-- What is random is computed anew for each aggregate.
-- not run

CREATE TABLE t (id int NOT NULL, n int);
INSERT INTO t VALUES (1, 1), (2, NULL);
CREATE FUNCTION sometimes(n int) RETURNS int VOLATILE LANGUAGE plpgsql AS 'BEGIN RETURN CASE WHEN random() < 0.5 THEN n END; END';

-- statement
SELECT CASE WHEN count(sometimes(n)) = 0 THEN 0 ELSE min(sometimes(n)) END AS a,
       CASE WHEN count(n) = 0 THEN 0 ELSE min(n) END AS b FROM t

-- expected
--   a: can be NULL
--   b: fits
