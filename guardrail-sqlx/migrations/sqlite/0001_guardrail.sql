-- Users as Guardrail keeps them. An application with a users table of its own leaves this one empty.
-- Times are RFC 3339 in UTC to the microsecond, which sorts as text.
CREATE TABLE guardrail_users (
    id            BLOB PRIMARY KEY NOT NULL,
    -- Normalized by Guardrail: no surrounding white space, lower case.
    email         TEXT NOT NULL UNIQUE,
    username      TEXT NOT NULL,
    -- The user name in lower case: two names that differ in letter case only are one.
    username_key  TEXT NOT NULL UNIQUE,
    first_name    TEXT,
    last_name     TEXT,
    role          TEXT NOT NULL,
    is_active     INTEGER NOT NULL,
    password_hash TEXT NOT NULL,
    created_at    TEXT NOT NULL,
    updated_at    TEXT NOT NULL
) STRICT;

-- One row once the first administrator has been created.
CREATE TABLE guardrail_bootstrap (
    id         INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
    created_at TEXT NOT NULL
) STRICT;

-- One row a log-in. No token is kept, only SHA-256 digests.
CREATE TABLE guardrail_sessions (
    family_id           BLOB PRIMARY KEY NOT NULL,
    -- No foreign key: the users may be the application's own.
    user_id             TEXT NOT NULL,
    fingerprint_hash    BLOB NOT NULL UNIQUE,
    token_hash          BLOB NOT NULL,
    key_id              BLOB NOT NULL,
    generation          INTEGER NOT NULL,
    rotated_at          TEXT,
    created_at          TEXT NOT NULL,
    last_used_at        TEXT NOT NULL,
    expires_at          TEXT NOT NULL,
    absolute_expires_at TEXT NOT NULL,
    revoked_at          TEXT,
    revoked_reason      TEXT,
    client_address      TEXT,
    user_agent          TEXT,
    CHECK ((revoked_at IS NULL) = (revoked_reason IS NULL))
) STRICT;

CREATE INDEX guardrail_sessions_of_user ON guardrail_sessions (user_id) WHERE revoked_at IS NULL;
CREATE INDEX guardrail_sessions_expiry ON guardrail_sessions (expires_at);
CREATE INDEX guardrail_sessions_revoked ON guardrail_sessions (revoked_at) WHERE revoked_at IS NOT NULL;

-- Rules, as Casbin's SQL adapters keep them. A table that such an adapter made is kept as it is.
CREATE TABLE IF NOT EXISTS casbin_rule (
    id    INTEGER PRIMARY KEY,
    ptype VARCHAR NOT NULL,
    v0    VARCHAR NOT NULL,
    v1    VARCHAR NOT NULL,
    v2    VARCHAR NOT NULL,
    v3    VARCHAR NOT NULL,
    v4    VARCHAR NOT NULL,
    v5    VARCHAR NOT NULL,
    CONSTRAINT unique_key_sqlx_adapter UNIQUE (ptype, v0, v1, v2, v3, v4, v5)
);
