-- sqlx 3192: all columns of a view were said to be nullable.

CREATE TABLE car (id int PRIMARY KEY, created_at timestamptz NOT NULL, sold date);
CREATE VIEW active_car AS SELECT * FROM car WHERE sold IS NULL;
INSERT INTO car VALUES (1, now(), NULL);

-- statement
SELECT id, created_at, sold FROM active_car

-- expected
--   id: fits
--   created_at: fits
--   sold: can be NULL
