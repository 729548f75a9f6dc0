-- What happened: log-ins, refusals, ends of sessions, changes. Guardrail writes, and deletes what is old.
CREATE TABLE guardrail_audit (
    -- UUIDs of version 7: their order is that of time.
    id         BLOB PRIMARY KEY NOT NULL,
    at         TEXT NOT NULL,
    event      TEXT NOT NULL,
    -- No foreign keys: what happened stays when its user is gone.
    user_id    TEXT,
    session_id BLOB,
    actor_id   TEXT,
    -- A JSON object.
    detail     TEXT NOT NULL
) STRICT;
CREATE INDEX guardrail_audit_of_name ON guardrail_audit (event, id);
CREATE INDEX guardrail_audit_of_user ON guardrail_audit (user_id, id) WHERE user_id IS NOT NULL;
CREATE INDEX guardrail_audit_by_actor ON guardrail_audit (actor_id, id) WHERE actor_id IS NOT NULL;
CREATE INDEX guardrail_audit_age ON guardrail_audit (at);
