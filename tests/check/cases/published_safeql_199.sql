-- SafeQL 199: a comparison of what is NOT NULL was said to be nullable.

CREATE TABLE token (id int NOT NULL, expires_at timestamptz NOT NULL DEFAULT now());

-- statement
SELECT expires_at < now() AS expired, id IS NOT NULL AS there FROM token

-- expected
--   expired: fits
--   there: fits
