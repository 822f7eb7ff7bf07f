-- A call with named arguments.



-- statement
SELECT make_interval(days => 3)::text AS a

-- expected
--   a: fits
