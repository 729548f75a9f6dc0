//! Serving, and stopping when told to.

use std::{io, net::SocketAddr, time::Duration};

use axum::Router;
use axum_server::Handle;
use tokio::net::TcpListener;

/// Serves until Ctrl-C or SIGTERM, then answers what has begun, for at most `drain`; a second signal cuts that short.
/// Whoever takes longer than `patience` over the head of a request is cut off, an idle connection too.
pub(crate) async fn serve(
    listener: TcpListener,
    app: Router,
    patience: Duration,
    drain: Duration,
) -> io::Result<()> {
    let mut signals = Signals::new()?;
    let address = listener.local_addr()?;
    // So that clients are bounded by their addresses, which can be recorded too.
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    let handle = Handle::new();
    let mut server = axum_server::from_tcp(listener.into_std()?)?
        .handle(handle.clone())
        .first_request_timeout(patience)
        .accept_error_handler(|_, error| tracing::warn!(%error, "a connection could not be taken"))
        .http1_only();
    server.http_builder().http1().header_read_timeout(patience);
    let signalled = async {
        let name = signals.next().await;
        tracing::info!("{name}: no more connections are taken; what has begun is answered");
        handle.graceful_shutdown(None);
        tokio::select! {
            () = tokio::time::sleep(drain) => tracing::warn!("DRAIN_SECONDS are over: open connections are cut"),
            name = signals.next() => tracing::warn!("{name} again: open connections are cut"),
        }
        handle.shutdown();
        std::future::pending::<()>().await;
    };

    tracing::info!("listening on http://{address}");
    tokio::select! {
        outcome = server.serve(service) => outcome,
        () = signalled => Ok(()),
    }
}

/// Serves beside the application, to everyone who reaches `listener`, for as long as the program runs.
pub(crate) async fn serve_beside(listener: TcpListener, app: Router, patience: Duration) -> io::Result<()> {
    let mut server =
        axum_server::from_tcp(listener.into_std()?)?.first_request_timeout(patience).http1_only();
    server.http_builder().http1().header_read_timeout(patience);
    server.serve(app.into_make_service()).await
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
