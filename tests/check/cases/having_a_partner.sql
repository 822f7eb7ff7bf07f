-- A group with a row that has a partner has one for each column of the partner.

CREATE TABLE c (id int PRIMARY KEY);
CREATE TABLE i (id int PRIMARY KEY, c int NOT NULL, amount int NOT NULL, note text);
INSERT INTO c VALUES (1), (2);
INSERT INTO i VALUES (1, 1, 5, NULL);

-- statement
SELECT c.id, sum(i.amount) AS total, max(i.note) AS note, min(j.amount) AS other
FROM c LEFT JOIN i ON i.c = c.id LEFT JOIN i j ON j.c = c.id AND j.id > i.id
GROUP BY c.id HAVING count(i.id) > 0

-- expected
--   id: fits
--   total: fits
--   note: can be NULL
--   other: can be NULL
