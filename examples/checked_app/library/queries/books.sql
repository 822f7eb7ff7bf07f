-- name: shelf :all -> Shelf
-- Every book with the loan it is out on, or None.
SELECT b.isbn, b.title,
       l.id AS "loan.id", l.isbn AS "loan.isbn", l.due AS "loan.due", l.returned AS "loan.returned"
FROM books b LEFT JOIN loans l ON l.isbn = b.isbn AND l.returned IS NULL
ORDER BY b.title;

-- name: titles_with_tag :all -> str
SELECT title FROM books WHERE %(tag)s = ANY(tags) ORDER BY title;

-- name: count_by_genre :all -> GenreCount
SELECT genre, count(*) AS books, max(pages) AS longest
FROM books GROUP BY genre ORDER BY genre;
