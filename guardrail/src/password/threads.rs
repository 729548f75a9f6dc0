//! Threads of their own for hashing, which give way to everything else.

use std::{io, num::NonZeroUsize, time::Duration};

use tokio::{
    runtime::{Builder, Runtime},
    task::JoinHandle,
};

/// How long a thread without work stays.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Blocking threads beside the application's runtime, started when there is work.
///
/// A priority can be lowered and, without privileges, never raised again: the application's own blocking threads
/// cannot be borrowed for it.
#[derive(Debug)]
pub(super) struct HashingThreads {
    /// Only its blocking threads are used. `None` once dropped.
    runtime: Option<Runtime>,
}

impl HashingThreads {
    pub(super) fn new(most: NonZeroUsize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .thread_name("guardrail-hash")
            .max_blocking_threads(most.get())
            .thread_keep_alive(KEEP_ALIVE)
            .on_thread_start(give_way)
            .build()?;
        Ok(Self { runtime: Some(runtime) })
    }

    /// Runs `work`; `None` when these threads are stopped.
    pub(super) fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<JoinHandle<T>> {
        Some(self.runtime.as_ref()?.spawn_blocking(work))
    }
}

impl Drop for HashingThreads {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A plain drop waits for the hash that is being made, and panics where waiting is not allowed.
            runtime.shutdown_background();
        }
    }
}

/// Lowers this thread's priority. Linux keeps it by thread (nice(2), "C library/kernel differences"); elsewhere it is
/// the whole process's, and left alone.
fn give_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::debug!(%error, "the hashing threads run at the priority of all others");
    }
}

/// About a tenth of the weight of an ordinary thread: under full load hashing goes on, slower.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn dropped_amid_work_it_stops_without_waiting() {
        let threads = HashingThreads::new(NonZeroUsize::MIN).unwrap();
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let (started, starts) = tokio::sync::oneshot::channel();
        let work = threads
            .run(move || {
                let _ = started.send(());
                let _ = wait.recv();
            })
            .unwrap();
        starts.await.unwrap();
        drop(threads);
        drop(release);
        work.await.unwrap();
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn they_give_way_and_no_other_thread_does() {
        let priority = || rustix::process::getpriority_process(None).unwrap();
        let ordinary = priority();
        let threads = HashingThreads::new(NonZeroUsize::MIN).unwrap();
        let lowered = threads.run(priority).unwrap().await.unwrap();
        assert_eq!(lowered, (ordinary + NICE).min(19));
        assert_eq!(priority(), ordinary);
    }
}
