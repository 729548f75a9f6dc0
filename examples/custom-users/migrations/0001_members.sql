-- The application's own table. Guardrail never alters it, and reads and writes it only through `impl UserStore`.
CREATE TABLE members (
    number       INTEGER PRIMARY KEY,
    -- Guardrail asks for what the client sent in lower case, so that is how it is stored.
    login        TEXT NOT NULL UNIQUE CHECK (login = lower(login)),
    display_name TEXT NOT NULL,
    staff_role   TEXT NOT NULL DEFAULT 'member',
    enabled      BOOLEAN NOT NULL DEFAULT TRUE,
    -- What a `PasswordHasher` wrote.
    secret       TEXT NOT NULL
);
