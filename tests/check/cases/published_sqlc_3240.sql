-- sqlc 3240: the row of the missing side of a LEFT JOIN had no optional part.

CREATE TABLE flow (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE step (id int PRIMARY KEY, flow_id int NOT NULL, title text NOT NULL);
INSERT INTO flow VALUES (1, 'a');

-- statement
SELECT f.id, f.name, s.id AS "step.id", s.title AS "step.title"
FROM (SELECT * FROM flow WHERE id = 1 LIMIT 1) f LEFT JOIN step s ON s.flow_id = f.id

-- expected
--   id: fits
--   name: fits
--   step.id: fits
--   step.title: fits
