-- The alias of a function in FROM is its value.

CREATE TABLE item (id int NOT NULL, tags jsonb NOT NULL);
INSERT INTO item VALUES (1, '["a", null]');

-- statement
SELECT id, tag FROM item, jsonb_array_elements_text(tags) AS tag

-- expected
--   id: fits
--   tag: not known
