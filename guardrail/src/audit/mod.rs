//! What happened, for those who have to know: in the log, and in a table that administrators read.

mod event;
mod trail;

pub(crate) use self::{event::AuditEvent, trail::Audit};
