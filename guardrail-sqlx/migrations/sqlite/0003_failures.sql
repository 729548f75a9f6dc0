-- How often in a row a password was wrong. A key is a MAC: it names neither an account nor a device.
CREATE TABLE guardrail_failures (
    key     BLOB PRIMARY KEY NOT NULL,
    count   INTEGER NOT NULL,
    last_at TEXT NOT NULL
) STRICT;
CREATE INDEX guardrail_failures_age ON guardrail_failures (last_at);
