-- squirrel 41: the wrong side of a LEFT JOIN was said to be nullable.

CREATE TABLE users (user_id int PRIMARY KEY);
CREATE TABLE profile (user_id int NOT NULL, roles text NOT NULL);
INSERT INTO users VALUES (1);

-- statement
SELECT users.user_id, profile.roles FROM users LEFT JOIN profile ON profile.user_id = users.user_id

-- expected
--   user_id: fits
--   roles: can be NULL
