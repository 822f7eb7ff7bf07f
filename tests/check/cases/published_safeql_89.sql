-- SafeQL 89: both sides of a FULL JOIN were said to be never NULL.

CREATE TABLE skills (id int NOT NULL);
CREATE TABLE users_skills (user_id int NOT NULL, skill_id int NOT NULL);
INSERT INTO skills VALUES (1);
INSERT INTO users_skills VALUES (1, 2);

-- statement
SELECT s.id, u.user_id FROM skills s FULL JOIN users_skills u ON s.id = u.skill_id

-- expected
--   id: can be NULL
--   user_id: can be NULL
