-- SafeQL 167: max() over a nullable column was taken for NOT NULL.

CREATE TABLE job (id int NOT NULL, ran_at timestamptz);
INSERT INTO job VALUES (1, NULL);

-- statement
SELECT id, max(ran_at) AS last FROM job GROUP BY id

-- expected
--   id: fits
--   last: can be NULL
