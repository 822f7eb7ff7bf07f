-- sqlc 3667: LEFT JOIN of a subquery.

CREATE TABLE apps (id int NOT NULL, directory_id int);
CREATE TABLE directory (id int NOT NULL, name text NOT NULL, archived_at timestamptz);
INSERT INTO apps VALUES (1, NULL);

-- statement
SELECT a.id, d.name FROM apps a
LEFT JOIN (SELECT id, name FROM directory WHERE archived_at IS NULL) d ON d.id = a.directory_id
GROUP BY a.id, d.name

-- expected
--   id: fits
--   name: can be NULL
