//! Audit events in memory: the last ones.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::MemoryStore;
use crate::storage::{AuditFilter, AuditRecord, AuditStore, StoreError};

/// How many are kept; the oldest make room.
const EVENTS_MAX: usize = 10_000;

pub(super) type Events = BTreeMap<Uuid, AuditRecord>;

#[async_trait]
impl AuditStore for MemoryStore {
    async fn append(&self, events: &[AuditRecord]) -> Result<(), StoreError> {
        let mut kept = self.audit();
        for event in events {
            kept.entry(event.id).or_insert_with(|| event.clone());
        }
        while kept.len() > EVENTS_MAX {
            kept.pop_first();
        }
        Ok(())
    }

    async fn events(&self, filter: &AuditFilter, limit: usize) -> Result<Vec<AuditRecord>, StoreError> {
        let AuditFilter { event, user, before } = filter;
        let kept = self.audit();
        let wanted = kept.values().rev().filter(|record| {
            before.is_none_or(|before| record.id < before)
                && event.as_ref().is_none_or(|event| *event == record.event)
                && (user.is_none() || record.user == *user || record.by == *user)
        });
        Ok(wanted.take(limit).cloned().collect())
    }

    async fn delete_events(&self, before: DateTime<Utc>, limit: usize) -> Result<u64, StoreError> {
        let mut kept = self.audit();
        let old = kept.values().filter(|record| record.at < before).map(|record| record.id);
        let old: Vec<_> = old.take(limit).collect();
        let mut deleted = 0;
        for id in old {
            deleted += u64::from(kept.remove(&id).is_some());
        }
        Ok(deleted)
    }
}
