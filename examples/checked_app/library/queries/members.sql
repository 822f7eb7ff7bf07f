-- name: member_by_email :optional -> int
SELECT id FROM members WHERE email = %(email)s;

-- name: longest_waiting :optional -> int
-- Days since the oldest open loan began. The cast is ours to vouch for: it is never infinite.
SELECT extract(day FROM now() - min(lent))::int AS "days!"
FROM loans WHERE returned IS NULL HAVING count(*) > 0;

-- name: forget_old_loans :execute
DELETE FROM loans WHERE returned < now() - interval '5 years';
