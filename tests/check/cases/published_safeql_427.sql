-- SafeQL 427: elements of an array of a NOT NULL column were said to be nullable, behind a LEFT JOIN.

CREATE TABLE a (id int PRIMARY KEY);
CREATE TABLE b (a_id int NOT NULL, b_id int NOT NULL);
INSERT INTO a VALUES (1);

-- statement
WITH q AS (SELECT a_id, array_agg(b_id) AS list FROM b GROUP BY a_id)
SELECT id, q.list, coalesce(q.list, '{}') AS every FROM a LEFT JOIN q ON q.a_id = a.id

-- expected
--   id: fits
--   list: can be NULL
--   every: fits
