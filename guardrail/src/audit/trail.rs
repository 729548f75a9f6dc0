//! The way of events into a store: through a bounded queue, in batches, so that no request waits for it; what
//! administrators do is written before they are answered.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::AuditEvent;
use crate::{
    Clock, Error,
    metrics::Metrics,
    storage::{AuditFilter, AuditRecord, AuditStore, StoreError, in_bites},
    tasks::Tasks,
};

/// How many events wait for the store at most.
const QUEUE_MAX: usize = 10_000;
/// How many are written at once.
const BATCH: usize = 200;
/// How long the first waits for others.
const LINGER: Duration = Duration::from_millis(50);
/// How long it takes until a store that failed is asked again.
const RETRY: Duration = Duration::from_millis(500);

/// Writes events down.
#[derive(Clone)]
pub(crate) struct Audit(Arc<Trail>);

struct Trail {
    store: Option<Arc<dyn AuditStore>>,
    clock: Arc<dyn Clock>,
    queue: Mutex<VecDeque<AuditRecord>>,
    /// Held by who writes the queue's front.
    writing: tokio::sync::Mutex<()>,
    /// How many found the queue full since that was last written down.
    lost: AtomicU64,
    wake: Notify,
    metrics: Metrics,
}

impl Audit {
    /// Writes to `store`, and only into the log without one.
    pub(crate) fn new(store: Option<Arc<dyn AuditStore>>, clock: Arc<dyn Clock>, metrics: Metrics) -> Self {
        let (queue, writing, lost) = (Mutex::default(), tokio::sync::Mutex::default(), AtomicU64::new(0));
        Self(Arc::new(Trail { store, clock, queue, writing, lost, wake: Notify::new(), metrics }))
    }

    pub(crate) fn has_store(&self) -> bool {
        self.0.store.is_some()
    }

    /// Writes what is in the queue, until the tasks are shut down.
    pub(crate) fn start(&self, tasks: &Tasks) {
        if self.has_store() {
            let trail = Arc::clone(&self.0);
            tasks.run(async move {
                loop {
                    match trail.write_out().await {
                        Ok(()) => {
                            trail.wake.notified().await;
                            // What comes at the same time is written together.
                            tokio::time::sleep(LINGER).await;
                        }
                        Err(error) => {
                            tracing::error!(
                                error = &error as &dyn std::error::Error,
                                "audit events could not be written; they are kept, and tried again"
                            );
                            tokio::time::sleep(RETRY).await;
                        }
                    }
                }
            });
        }
    }

    /// Takes note of an event.
    pub(crate) fn record(&self, event: &AuditEvent<'_>) {
        self.tell(event);
        if !self.has_store() {
            return;
        }
        // Any user can be denied as often as it asks: that leaves room for everything else.
        let most = match event {
            AuditEvent::PermissionDenied { .. } => QUEUE_MAX / 2,
            _ => QUEUE_MAX,
        };
        self.enqueue(event.to_record(self.0.clock.now()), most);
    }

    /// Takes note of what an administrator did, before it is answered. If that fails, it is an error that the change
    /// itself has happened before; the event is written later.
    pub(crate) async fn record_now(&self, event: &AuditEvent<'_>) -> Result<(), Error> {
        self.tell(event);
        let Some(store) = &self.0.store else { return Ok(()) };
        let record = event.to_record(self.0.clock.now());
        let written = store.append(std::slice::from_ref(&record)).await;
        if written.is_err() {
            self.enqueue(record, QUEUE_MAX);
        }
        Ok(written?)
    }

    /// Writes an event to the log, and counts the sessions that have ended by it.
    fn tell(&self, event: &AuditEvent<'_>) {
        event.log();
        if let Some((reason, count)) = event.ended() {
            self.0.metrics.count_many(reason, count);
        }
    }

    fn enqueue(&self, record: AuditRecord, most: usize) {
        let mut queue = self.0.queue.lock();
        let room = queue.len() < most;
        if room {
            queue.push_back(record);
        }
        drop(queue);
        if !room {
            self.0.metrics.audit_event_lost();
            if self.0.lost.fetch_add(1, Ordering::Relaxed) == 0 {
                tracing::error!(
                    "the queue of audit events is full: until it is not, they are in the log only"
                );
            }
        }
        self.0.wake.notify_one();
    }

    /// Events from the store.
    pub(crate) async fn events(&self, filter: &AuditFilter, limit: usize) -> Result<Vec<AuditRecord>, Error> {
        match &self.0.store {
            Some(store) => Ok(store.events(filter, limit).await?),
            None => Ok(Vec::new()),
        }
    }

    /// Writes what is still in the queue, as far as the store takes it.
    pub(crate) async fn flush(&self) {
        if let Err(error) = self.0.write_out().await {
            let waiting = self.0.queue.lock().len();
            tracing::error!(
                error = &error as &dyn std::error::Error,
                waiting,
                "audit events could not be written before the end; they are in the log only"
            );
        }
    }

    /// Deletes events that are older than they are kept; how many.
    pub(crate) async fn sweep(&self, kept: chrono::TimeDelta) -> Result<u64, StoreError> {
        let Some(store) = &self.0.store else { return Ok(0) };
        let Some(before) = self.0.clock.now().checked_sub_signed(kept) else { return Ok(0) };
        in_bites(|limit| store.delete_events(before, limit)).await
    }
}

impl Trail {
    /// Writes the queue to the store. An event leaves it once it is written.
    async fn write_out(&self) -> Result<(), StoreError> {
        let Some(store) = &self.store else { return Ok(()) };
        let _writing = self.writing.lock().await;
        loop {
            let mut batch: Vec<_> = self.queue.lock().iter().take(BATCH).cloned().collect();
            let (count, lost) = (batch.len(), self.lost.load(Ordering::Relaxed));
            if lost > 0 {
                batch.push(AuditEvent::EventsLost { count: lost }.to_record(self.clock.now()));
            }
            if batch.is_empty() {
                return Ok(());
            }
            store.append(&batch).await?;
            self.queue.lock().drain(..count);
            self.lost.fetch_sub(lost, Ordering::Relaxed);
        }
    }
}

impl std::fmt::Debug for Audit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Audit").field("has_store", &self.has_store()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{storage::MemoryStore, testing::ManualClock};
    use async_trait::async_trait;
    use chrono::{DateTime, Utc};
    use std::sync::atomic::AtomicBool;

    #[derive(Default)]
    struct Store {
        away: AtomicBool,
        store: MemoryStore,
    }

    #[async_trait]
    impl AuditStore for Store {
        async fn append(&self, events: &[AuditRecord]) -> Result<(), StoreError> {
            if self.away.load(Ordering::SeqCst) {
                return Err(StoreError::new("writing", "away"));
            }
            self.store.append(events).await
        }

        async fn events(&self, filter: &AuditFilter, limit: usize) -> Result<Vec<AuditRecord>, StoreError> {
            self.store.events(filter, limit).await
        }

        async fn delete_events(&self, before: DateTime<Utc>, limit: usize) -> Result<u64, StoreError> {
            self.store.delete_events(before, limit).await
        }
    }

    fn audit(store: &Arc<Store>) -> Audit {
        let store = Arc::clone(store) as Arc<dyn AuditStore>;
        Audit::new(Some(store), Arc::new(ManualClock::new()), Metrics::default())
    }

    async fn names(audit: &Audit) -> Vec<String> {
        let events = audit.events(&AuditFilter::default(), 1_000).await.unwrap();
        events.into_iter().map(|event| event.event).collect()
    }

    const EVENT: AuditEvent<'static> = AuditEvent::EverythingRevoked { count: 1 };

    #[tokio::test]
    async fn what_finds_the_queue_full_is_counted_and_the_count_is_written() {
        let store = Arc::new(Store::default());
        let audit = audit(&store);
        store.away.store(true, Ordering::SeqCst);
        for _ in 0..QUEUE_MAX + 50 {
            audit.record(&EVENT);
        }
        audit.flush().await;
        assert_eq!(audit.0.queue.lock().len(), QUEUE_MAX, "what could not be written is kept");
        store.away.store(false, Ordering::SeqCst);
        audit.flush().await;
        assert!(audit.0.queue.lock().is_empty());
        let filter = AuditFilter { event: Some("events_lost".to_owned()), ..AuditFilter::default() };
        let lost = audit.events(&filter, 10).await.unwrap();
        assert_eq!(lost.len(), 1);
        assert_eq!(lost[0].detail["count"], 50);
        audit.flush().await;
        assert_eq!(audit.events(&filter, 10).await.unwrap().len(), 1, "and told once");
    }

    #[tokio::test]
    async fn an_administrators_act_is_written_at_once_or_is_an_error() {
        let store = Arc::new(Store::default());
        let audit = audit(&store);
        audit.record_now(&EVENT).await.unwrap();
        assert_eq!(names(&audit).await.len(), 1);
        store.away.store(true, Ordering::SeqCst);
        assert!(audit.record_now(&EVENT).await.is_err());
        store.away.store(false, Ordering::SeqCst);
        audit.flush().await;
        assert_eq!(names(&audit).await.len(), 2, "it is written later all the same");
    }

    #[tokio::test(start_paused = true)]
    async fn the_writer_goes_on_when_the_store_is_back() {
        let store = Arc::new(Store::default());
        let (audit, tasks) = (audit(&store), Tasks::default());
        audit.start(&tasks);
        store.away.store(true, Ordering::SeqCst);
        audit.record(&EVENT);
        tokio::time::sleep(Duration::from_secs(3)).await;
        store.away.store(false, Ordering::SeqCst);
        audit.record(&EVENT);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(names(&audit).await.len(), 2);
    }
}
