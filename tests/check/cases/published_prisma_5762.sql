-- Prisma's engines 5762: with LEFT JOIN the other side was said to be nullable, and the missing one not.

CREATE TABLE brand (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE car (id int PRIMARY KEY, plate text NOT NULL, brand_id int);
INSERT INTO car VALUES (1, 'a', NULL);

-- statement
SELECT c.id, c.plate, b.name FROM car c LEFT JOIN brand b ON c.brand_id = b.id

-- expected
--   id: fits
--   plate: fits
--   name: can be NULL
