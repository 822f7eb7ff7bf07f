CREATE TYPE genre AS ENUM ('novel', 'essay', 'manual');

CREATE TABLE books (
    isbn text PRIMARY KEY,
    title text NOT NULL,
    genre genre NOT NULL,
    pages int CHECK (pages > 0),
    tags text[] NOT NULL DEFAULT '{}'
);

CREATE TABLE members (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    email text NOT NULL CONSTRAINT members_email_key UNIQUE,
    joined date NOT NULL DEFAULT current_date
);

CREATE TABLE loans (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    isbn text NOT NULL REFERENCES books,
    member_id int NOT NULL REFERENCES members,
    lent timestamptz NOT NULL DEFAULT now(),
    due date NOT NULL,
    returned timestamptz
);

-- A book is lent to one member at a time.
CREATE UNIQUE INDEX loans_open_idx ON loans (isbn) WHERE returned IS NULL;

CREATE VIEW open_loans AS
    SELECT l.id, l.isbn, b.title, m.id AS member_id, m.name AS member, l.due
    FROM loans l JOIN books b USING (isbn) JOIN members m ON m.id = l.member_id
    WHERE l.returned IS NULL;
