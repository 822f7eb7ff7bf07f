-- `*` and bare names beside a function.

CREATE FUNCTION pairs() RETURNS TABLE (x int, y int) LANGUAGE sql AS 'SELECT 1, NULL::int';
CREATE TABLE t (id int NOT NULL);
INSERT INTO t VALUES (1);

-- statement
SELECT *, id AS again FROM t, pairs()

-- expected
--   id: fits
--   x: not known
--   y: not known
--   again: fits
