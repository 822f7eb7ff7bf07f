-- sqlx 3202: a LEFT JOIN that the planner turns around, beside an inner one.

CREATE TABLE wallets (address text PRIMARY KEY, user_id int NOT NULL);
CREATE TABLE transfers (user_id int NOT NULL, recipient text NOT NULL);
INSERT INTO wallets VALUES ('A', 1);
INSERT INTO transfers VALUES (1, 'B');

-- statement
SELECT t.recipient, w.user_id AS recipient_id FROM transfers t
JOIN wallets s ON s.user_id = t.user_id
LEFT JOIN wallets w ON lower(w.address) = lower(t.recipient)

-- expected
--   recipient: fits
--   recipient_id: can be NULL
