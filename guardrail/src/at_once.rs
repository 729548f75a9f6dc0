//! Futures that need not wait.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

/// What a future comes to that is ready when it is first asked; `None` from one that would have to wait.
pub(crate) fn at_once<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
