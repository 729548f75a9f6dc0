//! Serving, and stopping when told to.

use std::{io, net::SocketAddr, time::Duration};

use axum::Router;
use tokio::{net::TcpListener, sync::watch};

/// Serves until Ctrl-C or SIGTERM, then answers what has begun, for at most `drain`; a second signal cuts that short.
pub(crate) async fn serve(listener: TcpListener, app: Router, drain: Duration) -> io::Result<()> {
    let mut signals = Signals::new()?;
    let address = listener.local_addr()?;
    // So that clients are bounded by their addresses, which can be recorded too.
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    let (stop, mut stopped) = watch::channel(());
    let draining = async move {
        // An error means that nobody is left to say so, which is the end as well.
        let _ = stopped.changed().await;
    };
    let server = axum::serve(listener, service).with_graceful_shutdown(draining).into_future();
    let signalled = async {
        let name = signals.next().await;
        tracing::info!("{name}: no more connections are taken; what has begun is answered");
        stop.send_replace(());
        tokio::select! {
            () = tokio::time::sleep(drain) => tracing::warn!("DRAIN_SECONDS are over: open connections are cut"),
            name = signals.next() => tracing::warn!("{name} again: open connections are cut"),
        }
    };

    tracing::info!("listening on http://{address}");
    tokio::select! {
        outcome = server => outcome,
        () = signalled => Ok(()),
    }
}

/// What tells the program to stop. Made before it says that it listens, so that none is missed.
#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "Ctrl-C",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> &'static str {
        match tokio::signal::ctrl_c().await {
            Ok(()) => "Ctrl-C",
            Err(_) => std::future::pending().await,
        }
    }
}
