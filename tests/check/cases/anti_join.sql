-- Rows without a partner: all of the other side is NULL.

CREATE TABLE t (id int NOT NULL);
CREATE TABLE u (id int NOT NULL);
INSERT INTO t VALUES (1);

-- statement
SELECT t.id, u.id IS NULL AS missing, coalesce(u.id, t.id) AS x FROM t LEFT JOIN u ON u.id = t.id WHERE u.id IS NULL

-- expected
--   id: fits
--   missing: fits
--   x: fits
