-- Some elements of an array are NULL, others are not.



-- statement
SELECT r, (r IS NULL OR r > NULL::int) AS x FROM unnest(ARRAY[1, NULL]) r WHERE r = 1

-- expected
--   r: fits
--   x: can be NULL
