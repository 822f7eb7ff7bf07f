-- pgx 2147, with code of sqlc: elements of an array that LEFT JOINs make NULL were said to be never NULL.

CREATE TABLE u (id int PRIMARY KEY);
CREATE TABLE m (u_id int NOT NULL, g_id int NOT NULL);
CREATE TABLE g (id int PRIMARY KEY, name text NOT NULL);
INSERT INTO u VALUES (1);

-- statement
SELECT u.id, coalesce(array_agg(g.name), '{}') AS names
FROM u LEFT JOIN m ON m.u_id = u.id LEFT JOIN g ON g.id = m.g_id GROUP BY u.id

-- expected
--   id: fits
--   names: NULL inside
