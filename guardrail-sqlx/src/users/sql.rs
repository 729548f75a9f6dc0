//! The statements on users, each once for both databases.

/// The columns of a [`UserRow`](super::row::UserRow).
macro_rules! columns {
    () => {
        "id, email, username, first_name, last_name, role, is_active, password_hash, created_at, updated_at"
    };
}

/// The time `$2`, unless the clock has been set back since the last change.
macro_rules! touched {
    () => {
        "updated_at = CASE WHEN updated_at < $2 THEN $2 ELSE updated_at END"
    };
}

pub(super) const FIND: &str = concat!("SELECT ", columns!(), " FROM guardrail_users WHERE id = $1");

pub(super) const FIND_BY_EMAIL: &str =
    concat!("SELECT ", columns!(), " FROM guardrail_users WHERE email = $1");

pub(super) const SET_PASSWORD_HASH: &str = concat!(
    "UPDATE guardrail_users SET password_hash = $4, ",
    touched!(),
    " WHERE id = $1 AND password_hash = $3"
);

pub(super) const CREATE: &str = "INSERT INTO guardrail_users (id, email, username, username_key, first_name, last_name, \
    role, is_active, password_hash, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10) \
    ON CONFLICT DO NOTHING";

/// Which of the two is taken: the e-mail address, the user name.
pub(super) const TAKEN: &str = "SELECT EXISTS (SELECT 1 FROM guardrail_users WHERE email = $1), \
    EXISTS (SELECT 1 FROM guardrail_users WHERE username_key = $2)";

pub(super) const MARK_BOOTSTRAPPED: &str =
    "INSERT INTO guardrail_bootstrap (id, created_at) VALUES (1, $1) ON CONFLICT DO NOTHING";

pub(super) const HAS_ROLE: &str = "SELECT EXISTS (SELECT 1 FROM guardrail_users WHERE role = $1)";

/// The list of roles follows.
pub(super) const ACTIVE_WITH_ROLE: &str =
    "SELECT EXISTS (SELECT 1 FROM guardrail_users WHERE is_active AND role IN (";

pub(super) const NEEDS_BOOTSTRAP: &str = "SELECT NOT EXISTS (SELECT 1 FROM guardrail_bootstrap) \
    AND NOT EXISTS (SELECT 1 FROM guardrail_users WHERE role = $1)";

pub(super) const LIST: &str = concat!("SELECT ", columns!(), " FROM guardrail_users ORDER BY id LIMIT $1");

pub(super) const LIST_AFTER: &str =
    concat!("SELECT ", columns!(), " FROM guardrail_users WHERE id > $2 ORDER BY id LIMIT $1");

pub(super) const UPDATE: &str = concat!(
    "UPDATE guardrail_users SET role = COALESCE($3, role), is_active = COALESCE($4, is_active), ",
    touched!(),
    " WHERE id = $1 RETURNING ",
    columns!()
);
