-- How often in a row a password was wrong. A key is a MAC: it names neither an account nor a device.
CREATE TABLE guardrail_failures (
    key     BYTEA PRIMARY KEY,
    count   BIGINT NOT NULL,
    last_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX guardrail_failures_age ON guardrail_failures (last_at);
