//! Rules in the `casbin_rule` table, as Casbin's SQL adapters keep them: six fields, the unused ones empty.

use std::collections::BTreeSet;

use async_trait::async_trait;
use guardrail::storage::{PolicyChange, PolicyStore, StoreError, StoredRule};
use sqlx::{QueryBuilder, query, query_as, query_scalar};

use crate::{
    SqlStore,
    db::{Dialect as _, on},
    error::failed,
};

/// The fields that the table has.
const FIELDS: usize = 6;
/// Rules in one statement: 7,000 parameters, where SQLite takes 32,766 and PostgreSQL 65,535.
const CHUNK: usize = 1_000;

const LOAD: &str = "SELECT ptype, v0, v1, v2, v3, v4, v5 FROM casbin_rule ORDER BY id";
const ADD: &str = "INSERT INTO casbin_rule (ptype, v0, v1, v2, v3, v4, v5) ";
const REMOVE: &str = "DELETE FROM casbin_rule WHERE (ptype, v0, v1, v2, v3, v4, v5) IN (";
/// The same for tables of other tools, where an unused field is NULL. It cannot use the index.
const REMOVE_NULLS: &str = "DELETE FROM casbin_rule WHERE (ptype, COALESCE(v0, ''), COALESCE(v1, ''), \
    COALESCE(v2, ''), COALESCE(v3, ''), COALESCE(v4, ''), COALESCE(v5, '')) IN (";
const NULLS: &str = "SELECT EXISTS (SELECT 1 FROM casbin_rule WHERE v0 IS NULL OR v1 IS NULL OR v2 IS NULL \
    OR v3 IS NULL OR v4 IS NULL OR v5 IS NULL)";

/// A row; other tools' tables have NULL where ours has an empty text.
type Row = (String, Field, Field, Field, Field, Field, Field);
type Field = Option<String>;

/// A rule as the table holds it.
type Padded = [String; FIELDS + 1];

#[async_trait]
impl PolicyStore for SqlStore {
    async fn load(&self) -> Result<Vec<StoredRule>, StoreError> {
        let rows: Vec<Row> = on!(&self.db, pool: D => query_as::<D, _>(LOAD).fetch_all(pool).await)
            .map_err(failed("loading rules"))?;
        Ok(rows.into_iter().map(rule).collect())
    }

    async fn apply(&self, change: PolicyChange) -> Result<(), StoreError> {
        const CONTEXT: &str = "writing rules";
        let (remove, add) = (padded(change.remove)?, padded(change.add)?);
        if remove.is_empty() && add.is_empty() {
            return Ok(());
        }
        let _turn = self.write_turn().await;
        on!(&self.db, pool: D => {
            // What returns without a commit leaves everything as it was.
            let mut transaction = pool.begin_with(D::BEGIN).await.map_err(failed(CONTEXT))?;
            if let Some(lock) = D::LOCK_RULES {
                query::<D>(lock).execute(&mut *transaction).await.map_err(failed(CONTEXT))?;
            }
            let nulls = !remove.is_empty()
                && query_scalar::<D, bool>(NULLS).fetch_one(&mut *transaction).await.map_err(failed(CONTEXT))?;
            let removal = if nulls { REMOVE_NULLS } else { REMOVE };
            for (rules, before, after) in [(&remove, removal, ")"), (&add, ADD, " ON CONFLICT DO NOTHING")] {
                for chunk in rules.chunks(CHUNK) {
                    let mut statement = QueryBuilder::<D>::new(before);
                    statement.push_values(chunk, |mut row, rule| {
                        for field in rule {
                            row.push_bind(field.as_str());
                        }
                    });
                    // Not kept as a prepared statement: it is long, and its length seldom comes again.
                    let statement = statement.push(after).build().persistent(false);
                    statement.execute(&mut *transaction).await.map_err(failed(CONTEXT))?;
                }
            }
            transaction.commit().await.map_err(failed(CONTEXT))
        })
    }
}

fn rule((ptype, v0, v1, v2, v3, v4, v5): Row) -> StoredRule {
    let values = [v0, v1, v2, v3, v4, v5].map(Option::unwrap_or_default).into();
    StoredRule { ptype, values }.trimmed()
}

/// The rules as the table holds them, each once.
fn padded(rules: Vec<StoredRule>) -> Result<Vec<Padded>, StoreError> {
    let rules: Result<BTreeSet<Padded>, StoreError> = rules
        .into_iter()
        .map(|rule| {
            let StoredRule { ptype, values } = rule.trimmed();
            if values.len() > FIELDS {
                return Err(StoreError::new("writing rules", "a rule has more than six fields"));
            }
            let mut fields = std::iter::once(ptype).chain(values);
            Ok(std::array::from_fn(|_| fields.next().unwrap_or_default()))
        })
        .collect();
    Ok(rules?.into_iter().collect())
}
