//! Work that outlives the request, or must not end with it.

use std::{future::Future, time::Duration};

use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument as _;

/// The tasks of one [`Guardrail`](crate::Guardrail).
///
/// When a client hangs up, its handler is dropped at whatever it awaits. A change of several steps (set the password,
/// then end the sessions) runs to its end all the same: as a task of its own, which `shutdown` waits for.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    to_end: ToEnd,
    stop: CancellationToken,
}

/// What runs to its end, whoever stops waiting for it; for services that have such work of their own.
#[derive(Debug, Clone, Default)]
pub(crate) struct ToEnd(TaskTracker);

impl ToEnd {
    pub(crate) async fn finish<F>(&self, work: F) -> F::Output
    where
        F: Future<Output: Send> + Send + 'static,
    {
        match self.0.spawn(work.in_current_span()).await {
            Ok(output) => output,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is going down, and this future with it.
                Err(_) => std::future::pending().await,
            },
        }
    }
}

impl Tasks {
    /// Runs `work` to its end, whoever stops waiting for it.
    pub(crate) async fn finish<F>(&self, work: F) -> F::Output
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.to_end.finish(work).await
    }

    /// The same for a service.
    pub(crate) fn to_end(&self) -> ToEnd {
        self.to_end.clone()
    }

    /// Runs `work` every `period` until [`shutdown`](Self::shutdown) or the last handle is dropped. It returns
    /// whether to go on.
    pub(crate) fn repeat<F>(&self, period: Duration, work: impl Fn() -> F + Send + 'static)
    where
        F: Future<Output = bool> + Send + 'static,
    {
        let stop = self.stop.clone();
        self.to_end.0.spawn(async move {
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(period) => {}
                }
                if !work().await {
                    return;
                }
            }
        });
    }

    /// Runs `work` until it ends, [`shutdown`](Self::shutdown), or the last handle is dropped.
    pub(crate) fn run<F>(&self, work: F)
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let stop = self.stop.clone();
        self.to_end.0.spawn(async move {
            stop.run_until_cancelled(work).await;
        });
    }

    /// Stops what repeats, and waits for what is in flight.
    pub(crate) async fn shutdown(&self) {
        self.stop.cancel();
        self.to_end.0.close();
        self.to_end.0.wait().await;
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    };
    use tokio::sync::Notify;

    #[tokio::test]
    async fn work_goes_on_when_nobody_waits_and_shutdown_waits_for_it() {
        let tasks = Arc::new(Tasks::default());
        let (started, gate, done) =
            (Arc::new(Notify::new()), Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
        let request = tokio::spawn({
            let (tasks, started, gate, done) =
                (Arc::clone(&tasks), Arc::clone(&started), Arc::clone(&gate), Arc::clone(&done));
            async move {
                tasks
                    .finish(async move {
                        started.notify_one();
                        gate.notified().await;
                        done.store(true, Ordering::SeqCst);
                    })
                    .await;
            }
        });
        started.notified().await;
        request.abort();
        assert!(request.await.unwrap_err().is_cancelled());
        assert!(!done.load(Ordering::SeqCst));
        gate.notify_one();
        tasks.shutdown().await;
        assert!(done.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn what_repeats_stops_with_the_tasks() {
        let tasks = Tasks::default();
        let tracker = tasks.to_end.0.clone();
        tasks.repeat(Duration::from_hours(1), || async { true });
        drop(tasks);
        tracker.close();
        tracker.wait().await;
    }
}
