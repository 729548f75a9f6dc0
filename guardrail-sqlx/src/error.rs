//! What goes wrong in a statement.

use guardrail::storage::StoreError;

/// Says what was being done when a statement failed.
pub(crate) fn failed(context: &'static str) -> impl Fn(sqlx::Error) -> StoreError {
    move |error| {
        if is_missing_table(&error) {
            StoreError::new(context, MissingTable(error))
        } else {
            StoreError::new(context, error)
        }
    }
}

/// Says that a row holds what Guardrail never writes.
pub(crate) fn damaged(context: &'static str, column: &'static str) -> StoreError {
    StoreError::new(context, DamagedRow { column })
}

#[derive(Debug, thiserror::Error)]
#[error(
    "{0}; the tables are not there: run `SqlStore::migrate()`, or `sqlx migrate run`, before the store is used"
)]
struct MissingTable(#[source] sqlx::Error);

#[derive(Debug, thiserror::Error)]
#[error("a row's `{column}` holds what this version cannot read")]
struct DamagedRow {
    column: &'static str,
}

/// SQLSTATE `undefined_table`, or what SQLite says in its place: it has no code of its own for that.
fn is_missing_table(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else { return false };
    error.code().is_some_and(|code| code == "42P01") || error.message().starts_with("no such table")
}
