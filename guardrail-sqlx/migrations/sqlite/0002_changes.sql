-- How often the rules have changed, whoever changed them: other processes look at it.
CREATE TABLE guardrail_policy_revision (
    id       INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
    revision INTEGER NOT NULL
) STRICT;
INSERT INTO guardrail_policy_revision (id, revision) VALUES (1, 1);
CREATE TRIGGER guardrail_policy_inserted AFTER INSERT ON casbin_rule BEGIN
    UPDATE guardrail_policy_revision SET revision = revision + 1;
END;
CREATE TRIGGER guardrail_policy_updated AFTER UPDATE ON casbin_rule BEGIN
    UPDATE guardrail_policy_revision SET revision = revision + 1;
END;
CREATE TRIGGER guardrail_policy_deleted AFTER DELETE ON casbin_rule BEGIN
    UPDATE guardrail_policy_revision SET revision = revision + 1;
END;

-- Whether anybody active has one of the roles that may do something.
CREATE INDEX guardrail_users_active_roles ON guardrail_users (role) WHERE is_active;
