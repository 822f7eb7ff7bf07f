-- SafeQL 418: LEFT JOIN LATERAL of what may have no row.



-- statement
WITH videos (id) AS (VALUES (1)), edits (video_id, done) AS (VALUES (2, true))
SELECT videos.id, latest.done FROM videos
LEFT JOIN LATERAL (SELECT edits.done FROM edits WHERE edits.video_id = videos.id) latest ON true

-- expected
--   id: fits
--   done: can be NULL
