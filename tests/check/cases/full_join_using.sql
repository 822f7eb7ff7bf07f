-- The merged column of a FULL JOIN USING.

CREATE TABLE t (id int NOT NULL, a int NOT NULL);
CREATE TABLE u (id int NOT NULL);
INSERT INTO u VALUES (1);

-- statement
SELECT id, a FROM t FULL JOIN u USING (id)

-- expected
--   id: fits
--   a: can be NULL
