//! Which core runs what.

use anyhow::Result;

/// The cores that this process may use: the first is the servers', the last the client's.
#[derive(Debug)]
pub(crate) struct Cores {
    usable: Vec<usize>,
}

impl Cores {
    /// As the system tells.
    pub(crate) fn of_this_process() -> Self {
        Self { usable: system::usable() }
    }

    /// Whether servers and client are kept apart.
    pub(crate) fn are_apart(&self) -> bool {
        self.usable.len() > 1
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.usable.len()
    }

    /// Those for a server: the first, or each; none means wherever the system likes.
    pub(crate) fn for_server(&self, every: bool) -> &[usize] {
        match self.usable.as_slice() {
            [first, _, ..] if !every => std::slice::from_ref(first),
            usable => usable,
        }
    }

    /// Keeps this process on the client's core.
    pub(crate) fn pin_client(&self) -> Result<()> {
        match self.usable.as_slice() {
            [_, .., last] => keep_on(&[*last]),
            _ => Ok(()),
        }
    }
}

/// Keeps this process on these cores.
pub(crate) fn keep_on(cores: &[usize]) -> Result<()> {
    if cores.is_empty() { Ok(()) } else { system::keep_on(cores) }
}

#[cfg(target_os = "linux")]
mod system {
    use anyhow::{Context as _, Result};
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    pub(super) fn usable() -> Vec<usize> {
        let set = sched_getaffinity(None).unwrap_or_else(|_| CpuSet::new());
        (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect()
    }

    pub(super) fn keep_on(cores: &[usize]) -> Result<()> {
        let mut set = CpuSet::new();
        cores.iter().for_each(|core| set.set(*core));
        sched_setaffinity(None, &set).context("the process cannot be kept on a core")
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use anyhow::Result;

    pub(super) fn usable() -> Vec<usize> {
        Vec::new()
    }

    pub(super) fn keep_on(_: &[usize]) -> Result<()> {
        Ok(())
    }
}
