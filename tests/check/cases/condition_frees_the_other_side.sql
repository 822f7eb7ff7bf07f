-- Where an outer join must have found its partner, its condition holds.

CREATE TABLE t (id int NOT NULL, u_id int);
CREATE TABLE u (id int NOT NULL, name text NOT NULL);
INSERT INTO t VALUES (1, NULL), (2, 1);
INSERT INTO u VALUES (1, 'a');

-- statement
SELECT t.u_id, u.name FROM t LEFT JOIN u ON u.id = t.u_id WHERE u.name <> ''

-- expected
--   u_id: fits
--   name: fits
