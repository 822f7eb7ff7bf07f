-- sqlc 2044: a LEFT JOIN with an inner one behind it was forgotten.

CREATE TABLE a (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE b (id int PRIMARY KEY, a_id int NOT NULL, name text NOT NULL);
CREATE TABLE c (b_id int NOT NULL, name text NOT NULL);
INSERT INTO a VALUES (1, 'a');
INSERT INTO b VALUES (1, 1, 'b');

-- statement
SELECT a.name AS a, b.name AS b, c.name AS c
FROM b LEFT JOIN c ON c.b_id = b.id JOIN a ON a.id = b.a_id

-- expected
--   a: fits
--   b: fits
--   c: can be NULL
