-- pgtyped 551 and 201: outer joins were not seen.

CREATE TABLE a (id int PRIMARY KEY, s text NOT NULL);
CREATE TABLE b (a_id int PRIMARY KEY REFERENCES a, s text NOT NULL);
INSERT INTO a VALUES (1, 'x');

-- statement
SELECT a.*, b.s AS b FROM a LEFT JOIN b ON a.id = b.a_id

-- expected
--   id: fits
--   s: fits
--   b: can be NULL
