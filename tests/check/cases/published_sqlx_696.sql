-- sqlx 696: what an upsert returns of a NOT NULL column was said to be nullable.

CREATE TABLE coverage (id int PRIMARY KEY, total int NOT NULL);

-- statement
INSERT INTO coverage VALUES (1, 2) ON CONFLICT (id) DO UPDATE SET total = excluded.total RETURNING id

-- expected
--   id: fits
