-- Tells the nodes that listen what has changed. Each schema has a channel of its own: `guardrail_` and the schema's
-- number.
CREATE FUNCTION guardrail_notify() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    channel TEXT := 'guardrail_' || (SELECT relnamespace FROM pg_catalog.pg_class WHERE oid = TG_RELID);
    message TEXT := TG_ARGV[0];
BEGIN
    IF message = 'session' THEN
        message := 'session ' || NEW.family_id;
    ELSIF message = 'user' THEN
        IF TG_OP = 'DELETE' THEN
            message := 'user ' || OLD.id;
        ELSE
            message := 'user ' || NEW.id;
        END IF;
    END IF;
    PERFORM pg_catalog.pg_notify(channel, message);
    RETURN NULL;
END
$$;

-- How often the rules have changed, whoever changed them.
CREATE TABLE guardrail_policy_revision (
    id       SMALLINT PRIMARY KEY CHECK (id = 1),
    revision BIGINT NOT NULL
);
INSERT INTO guardrail_policy_revision (id, revision) VALUES (1, 1);
CREATE TRIGGER guardrail_policies_moved AFTER UPDATE ON guardrail_policy_revision
    FOR EACH ROW EXECUTE FUNCTION guardrail_notify('policies');

-- Whoever may write rules moves the revision by it, without a right of its own on that table.
DO $do$
BEGIN
    EXECUTE format($create$
        CREATE FUNCTION guardrail_policies_changed() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = %I, pg_temp AS $body$
        BEGIN
            IF TG_OP <> 'TRUNCATE' THEN
                -- A statement that touched no row has changed nothing.
                IF NOT EXISTS (SELECT 1 FROM changed) THEN
                    RETURN NULL;
                END IF;
            END IF;
            UPDATE guardrail_policy_revision SET revision = revision + 1;
            RETURN NULL;
        END
        $body$
    $create$, current_schema());
END
$do$;
CREATE TRIGGER guardrail_policies_inserted AFTER INSERT ON casbin_rule
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION guardrail_policies_changed();
CREATE TRIGGER guardrail_policies_updated AFTER UPDATE ON casbin_rule
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION guardrail_policies_changed();
CREATE TRIGGER guardrail_policies_deleted AFTER DELETE ON casbin_rule
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION guardrail_policies_changed();
CREATE TRIGGER guardrail_policies_truncated AFTER TRUNCATE ON casbin_rule
    FOR EACH STATEMENT EXECUTE FUNCTION guardrail_policies_changed();

-- Refreshes do not set these columns, and pay nothing. Whoever revokes very many sessions tells of all at once, and
-- says by the setting that each is not to be told by itself.
CREATE TRIGGER guardrail_session_revoked AFTER UPDATE OF revoked_at ON guardrail_sessions
    FOR EACH ROW
    WHEN (OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL
        AND coalesce(current_setting('guardrail.quiet', true), '') <> 'on')
    EXECUTE FUNCTION guardrail_notify('session');
CREATE TRIGGER guardrail_user_changed AFTER UPDATE OF role, is_active ON guardrail_users
    FOR EACH ROW
    WHEN (OLD.role IS DISTINCT FROM NEW.role OR OLD.is_active IS DISTINCT FROM NEW.is_active)
    EXECUTE FUNCTION guardrail_notify('user');
CREATE TRIGGER guardrail_user_deleted AFTER DELETE ON guardrail_users
    FOR EACH ROW EXECUTE FUNCTION guardrail_notify('user');

-- Whether anybody active has one of the roles that may do something.
CREATE INDEX guardrail_users_active_roles ON guardrail_users (role) WHERE is_active;
