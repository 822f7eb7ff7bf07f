-- Columns that a CHECK makes NULL together.

CREATE TABLE t (paid timestamptz, by text, CHECK ((paid IS NULL) = (by IS NULL)));
INSERT INTO t VALUES (now(), 'x'), (NULL, NULL);

-- statement
SELECT by, paid FROM t WHERE paid IS NOT NULL

-- expected
--   by: fits
--   paid: fits
