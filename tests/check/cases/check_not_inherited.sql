-- A CHECK that the tables below do not share.

CREATE TABLE t (a int, CHECK (a IS NOT NULL) NO INHERIT);
CREATE TABLE u () INHERITS (t);
INSERT INTO u VALUES (NULL);

-- statement
SELECT a FROM t

-- expected
--   a: can be NULL
