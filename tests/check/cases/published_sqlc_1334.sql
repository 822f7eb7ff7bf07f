-- sqlc 1334: LEFT JOIN in a view.

CREATE TABLE theme (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE thumbnail (theme_id int NOT NULL, key text NOT NULL);
CREATE VIEW theme_view AS SELECT t.*, h.key AS thumbnail_key FROM theme t
    LEFT JOIN (SELECT DISTINCT ON (theme_id) theme_id, key FROM thumbnail) h ON h.theme_id = t.id;
INSERT INTO theme VALUES (1, 'a');

-- statement
SELECT * FROM theme_view

-- expected
--   id: fits
--   name: fits
--   thumbnail_key: can be NULL
