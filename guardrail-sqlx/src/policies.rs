//! Rules in the `casbin_rule` table, as Casbin's SQL adapters keep them: six fields, the unused ones empty.

use async_trait::async_trait;
use futures_util::{Stream, TryStreamExt as _};
use guardrail::storage::{
    AppliedChange, PolicyChange, PolicyStore, Revision, StoreError, StoredPolicies, StoredRule,
};
use sqlx::{QueryBuilder, query, query_as, query_scalar};
use tokio::task::{coop::consume_budget, spawn_blocking};

use crate::{
    SqlStore,
    db::{Dialect as _, on},
    error::failed,
};

/// The fields that the table has.
const FIELDS: usize = 6;
/// Rules in one statement: 7,000 parameters, where SQLite takes 32,766 and PostgreSQL 65,535.
const CHUNK: usize = 1_000;

/// The columns of a [`Row`].
macro_rules! columns {
    () => {
        "ptype, v0, v1, v2, v3, v4, v5"
    };
}

const LOAD: &str = concat!("SELECT ", columns!(), " FROM casbin_rule ORDER BY id");
const ADD: &str = concat!("INSERT INTO casbin_rule (", columns!(), ") ");
const ADDED: &str = concat!(" ON CONFLICT DO NOTHING RETURNING ", columns!());
const REMOVE: &str = concat!("DELETE FROM casbin_rule WHERE (", columns!(), ") IN (");
/// The same for tables of other tools, where an unused field is NULL. It cannot use the index.
const REMOVE_NULLS: &str = "DELETE FROM casbin_rule WHERE (ptype, COALESCE(v0, ''), COALESCE(v1, ''), \
    COALESCE(v2, ''), COALESCE(v3, ''), COALESCE(v4, ''), COALESCE(v5, '')) IN (";
const REMOVED: &str = concat!(") RETURNING ", columns!());
const NULLS: &str = "SELECT EXISTS (SELECT 1 FROM casbin_rule WHERE v0 IS NULL OR v1 IS NULL OR v2 IS NULL \
    OR v3 IS NULL OR v4 IS NULL OR v5 IS NULL)";
const REVISION: &str = "SELECT revision FROM guardrail_policy_revision";
const MOVE_REVISION: &str = "UPDATE guardrail_policy_revision SET revision = revision + 1 RETURNING revision";

/// A row; other tools' tables have NULL where ours has an empty text.
type Row = (String, Field, Field, Field, Field, Field, Field);
type Field = Option<String>;

/// A rule as the table holds it.
type Padded = [String; FIELDS + 1];

#[async_trait]
impl PolicyStore for SqlStore {
    async fn load(&self) -> Result<StoredPolicies, StoreError> {
        const CONTEXT: &str = "loading rules";
        on!(&self.db, pool: D => {
            let mut transaction = pool.begin_with(D::BEGIN_READ).await.map_err(failed(CONTEXT))?;
            let revision = query_scalar::<D, _>(REVISION).fetch_one(&mut *transaction).await;
            let revision = Some(Revision(revision.map_err(failed(CONTEXT))?));
            let rules = read_rules(query_as::<D, _>(LOAD).fetch(&mut *transaction)).await;
            let rules = rules.map_err(failed(CONTEXT))?;
            transaction.commit().await.map_err(failed(CONTEXT))?;
            Ok(StoredPolicies { rules, revision })
        })
    }

    async fn apply(&self, change: PolicyChange) -> Result<AppliedChange, StoreError> {
        const CONTEXT: &str = "writing rules";
        let (add, remove) = off_thread(change.add.len() + change.remove.len(), || {
            let (add, mut remove) = (padded(change.add)?, padded(change.remove)?);
            remove.retain(|rule| add.binary_search(rule).is_err());
            Ok((add, remove))
        })
        .await?;
        let _turn = self.write_turn().await;
        on!(&self.db, pool: D => {
            // What returns without a commit leaves everything as it was.
            let mut transaction = pool.begin_with(D::BEGIN).await.map_err(failed(CONTEXT))?;
            for lock in [D::PATIENT, D::LOCK_RULES].into_iter().flatten() {
                query::<D>(lock).execute(&mut *transaction).await.map_err(failed(CONTEXT))?;
            }
            let before: i64 =
                query_scalar::<D, _>(REVISION).fetch_one(&mut *transaction).await.map_err(failed(CONTEXT))?;
            let nulls = !remove.is_empty()
                && query_scalar::<D, bool>(NULLS).fetch_one(&mut *transaction).await.map_err(failed(CONTEXT))?;
            let removal = if nulls { REMOVE_NULLS } else { REMOVE };
            let mut applied = AppliedChange::default();
            for (rules, touched, begin, end) in [
                (&remove, &mut applied.removed, removal, REMOVED),
                (&add, &mut applied.added, ADD, ADDED),
            ] {
                for chunk in rules.chunks(CHUNK) {
                    let mut statement = QueryBuilder::<D>::new(begin);
                    statement.push_values(chunk, |mut row, rule| {
                        for field in rule {
                            row.push_bind(field.as_str());
                        }
                    });
                    // Not kept as a prepared statement: it is long, and its length seldom comes again.
                    let statement = statement.push(end).build_query_as::<Row>().persistent(false);
                    let rules = read_rules(statement.fetch(&mut *transaction)).await;
                    touched.extend(rules.map_err(failed(CONTEXT))?);
                }
            }
            let mut after: i64 =
                query_scalar::<D, _>(REVISION).fetch_one(&mut *transaction).await.map_err(failed(CONTEXT))?;
            let changed = !applied.added.is_empty() || !applied.removed.is_empty();
            if changed && after == before {
                // Another tool has made the table anew, and our triggers went with the old one.
                let moved = query_scalar::<D, _>(MOVE_REVISION).fetch_one(&mut *transaction).await;
                after = moved.map_err(failed(CONTEXT))?;
            }
            transaction.commit().await.map_err(failed(CONTEXT))?;
            applied.revisions = Some((Revision(before), Revision(after)));
            off_thread(applied.removed.len(), || {
                // A table of another tool may hold a rule twice.
                applied.removed.sort_unstable();
                applied.removed.dedup();
                Ok(applied)
            })
            .await
        })
    }

    async fn revision(&self) -> Result<Option<Revision>, StoreError> {
        let revision = on!(&self.db, pool: D => query_scalar::<D, _>(REVISION).fetch_one(pool).await);
        revision.map(|revision| Some(Revision(revision))).map_err(failed("looking whether the rules changed"))
    }
}

/// Reads rules. Requests that wait for this thread get their turn in between: there may be 100,000 of them.
async fn read_rules(
    mut rows: impl Stream<Item = sqlx::Result<Row>> + Unpin,
) -> sqlx::Result<Vec<StoredRule>> {
    let mut rules = Vec::new();
    while let Some(row) = rows.try_next().await? {
        rules.push(rule(row));
        consume_budget().await;
    }
    Ok(rules)
}

/// Does `work` on `rules` rules: at once if they are few, on a blocking thread if they are many.
async fn off_thread<T: Send + 'static>(
    rules: usize,
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    if rules < CHUNK {
        return work();
    }
    spawn_blocking(work).await.map_err(|error| StoreError::new("working through rules", error))?
}

fn rule((ptype, v0, v1, v2, v3, v4, v5): Row) -> StoredRule {
    let values = [v0, v1, v2, v3, v4, v5].map(Option::unwrap_or_default).into();
    StoredRule { ptype, values }.trimmed()
}

/// The rules as the table holds them, each once and in order.
fn padded(rules: Vec<StoredRule>) -> Result<Vec<Padded>, StoreError> {
    let mut padded: Vec<Padded> = rules
        .into_iter()
        .map(|rule| {
            let StoredRule { ptype, values } = rule.trimmed();
            if values.len() > FIELDS {
                return Err(StoreError::new("writing rules", "a rule has more than six fields"));
            }
            let mut fields = std::iter::once(ptype).chain(values);
            Ok(std::array::from_fn(|_| fields.next().unwrap_or_default()))
        })
        .collect::<Result<_, StoreError>>()?;
    padded.sort_unstable();
    padded.dedup();
    Ok(padded)
}
