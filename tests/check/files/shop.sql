-- The schema that the right and the wrong statements of the checker's tests are held against.
CREATE SCHEMA app;
CREATE TYPE app.state AS ENUM ('new', 'paid', 'sent');
CREATE TYPE app.address AS (street text, zip text);
CREATE DOMAIN app.email AS text CHECK (value LIKE '%@%');
CREATE TABLE app.customers (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email app.email NOT NULL,
    name text NOT NULL,
    phone text,
    born date,
    home app.address,
    tags text[] NOT NULL DEFAULT '{}',
    settings jsonb NOT NULL DEFAULT '{}',
    created timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT customers_email_key UNIQUE (email)
);
CREATE TABLE app.products (
    sku text PRIMARY KEY,
    title text NOT NULL,
    price numeric(10, 2) NOT NULL CONSTRAINT products_price_check CHECK (price >= 0),
    weight float8,
    photo bytea,
    during tstzrange,
    UNIQUE (title, price)
);
CREATE UNIQUE INDEX products_title_idx ON app.products (lower(title));
CREATE TABLE app.orders (
    id bigint PRIMARY KEY,
    customer_id int NOT NULL CONSTRAINT orders_customer_fkey REFERENCES app.customers,
    state app.state NOT NULL DEFAULT 'new',
    placed timestamptz NOT NULL,
    paid timestamptz,
    reference uuid NOT NULL DEFAULT gen_random_uuid(),
    lasts interval,
    ip inet
);
CREATE TABLE app.lines (
    order_id bigint NOT NULL REFERENCES app.orders,
    line int NOT NULL,
    sku text NOT NULL REFERENCES app.products,
    quantity int NOT NULL,
    discount numeric,
    amount numeric GENERATED ALWAYS AS (quantity * 2.0) STORED,
    PRIMARY KEY (order_id, line)
);
CREATE TABLE app.staff (
    id int PRIMARY KEY,
    name text NOT NULL,
    boss_id int REFERENCES app.staff,
    hired date NOT NULL
);
CREATE VIEW app.order_list AS
    SELECT o.id, o.state, c.name AS customer, c.phone
    FROM app.orders o JOIN app.customers c ON c.id = o.customer_id;
CREATE VIEW app.all_customers AS
    SELECT c.id, c.name, o.id AS order_id FROM app.customers c
    LEFT JOIN app.orders o ON o.customer_id = c.id;
CREATE FUNCTION app.unsure(n int) RETURNS int LANGUAGE sql AS 'SELECT nullif(n, 3)';
CREATE FUNCTION app.pairs() RETURNS TABLE (a int, b text) LANGUAGE sql AS $$SELECT 1, 'x'$$;
