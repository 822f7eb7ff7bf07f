-- sqlx 2796: the missing side of a LEFT JOIN was taken for NOT NULL.

CREATE TABLE a (id_a text PRIMARY KEY);
CREATE TABLE b (id_b text PRIMARY KEY, id_a text REFERENCES a);
INSERT INTO b (id_b) VALUES ('1');

-- statement
SELECT a.id_a, b.id_b FROM b LEFT JOIN a ON a.id_a = b.id_a WHERE b.id_b = '1'

-- expected
--   id_a: can be NULL
--   id_b: fits
