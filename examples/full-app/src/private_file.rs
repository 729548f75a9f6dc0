//! Files that only their owner reads.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use uuid::Uuid;

/// A file of mode 0600 with all of its content on the disk, under a name that nobody looks for: it gets its real
/// name in one step, or is removed when dropped.
pub(crate) struct Draft {
    path: PathBuf,
    kept: bool,
}

impl Draft {
    /// Writes `content` next to where `target` is to be.
    pub(crate) fn write(target: &Path, content: &str) -> io::Result<Self> {
        let mut name = target.as_os_str().to_owned();
        name.push(format!(".{}.new", Uuid::now_v7()));
        let path = PathBuf::from(name);
        let mut file = create(&path)?;
        let draft = Self { path, kept: false };
        file.write_all(content.as_bytes())?;
        file.sync_all()?;
        Ok(draft)
    }

    /// Gives the file its name, unless there is a file of that name; whether it did. Of several programs at once,
    /// one does.
    pub(crate) fn publish_new(self, target: &Path) -> io::Result<bool> {
        match fs::hard_link(&self.path, target) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Gives the file its name, in place of any file of that name. If that cannot be, the file stays where it is.
    /// Returns where it is.
    pub(crate) fn publish(mut self, target: &Path) -> PathBuf {
        match fs::rename(&self.path, target) {
            Ok(()) => target.to_owned(),
            Err(error) => {
                tracing::warn!("no file can be called {}: {error}", target.display());
                self.kept = true;
                self.path.clone()
            }
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.kept {
            // After `publish` there is nothing of the name any more; otherwise there is nobody left to tell.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(unix)]
fn create(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(not(unix))]
fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// The mode's last nine bits if others than the owner may do anything with the file.
#[cfg(unix)]
pub(crate) fn too_open(file: &File) -> io::Result<Option<u32>> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = file.metadata()?.permissions().mode() & 0o777;
    Ok((mode & 0o077 != 0).then_some(mode))
}

/// Only Unix has such modes.
#[cfg(not(unix))]
pub(crate) fn too_open(_: &File) -> io::Result<Option<u32>> {
    Ok(None)
}
