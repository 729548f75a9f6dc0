//! The keys of `JWT_KEYS_FILE`, and `full-app keys …`, which changes them.
//!
//! The file holds private keys in PEM, one after the other: the first signs, the others verify. A new key is put at the
//! end, so that every node knows it before it signs: start the nodes again after `add`, after `use`, and once more after
//! `remove`, when nothing that the old key signed is good any more.
//!
//! What stands above a key is about it, and goes where it goes. What stands above the first one with an empty line
//! between, and what stands below the last one, stays where it is.

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    path::Path,
};

use anyhow::{Context as _, anyhow};
use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    rsa::KeySize,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair},
};
use guardrail::{SigningAlgorithm, SigningKey};
use pem::Pem;

use crate::{
    private_file::{Draft, too_open},
    settings::{KeysCommand, Settings, WrongSetting},
};

/// Some hundred keys.
const FILE_MAX_BYTES: u64 = 256 * 1024;

const BEGIN: &str = "-----BEGIN";
const END: &str = "-----END ";

/// The keys of a file, the one that signs first, and what else stands there.
#[derive(Default)]
pub(crate) struct Keys {
    head: String,
    blocks: Vec<Kept>,
    tail: String,
}

struct Kept {
    /// Whole lines: the PEM block as it stands in the file, and what stands above it.
    text: String,
    key: SigningKey,
}

/// Does what the command says, and shows the keys as they are then.
pub(crate) fn run(settings: &Settings, command: KeysCommand) -> anyhow::Result<()> {
    let Some(path) = &settings.jwt_keys_file else {
        return Err(wrong("is not set, and `keys` works on the file that it names").into());
    };
    let keys = match command {
        KeysCommand::List => Keys::open(path)?,
        command => change(path, &command)?,
    };
    keys.show().context("standard output")
}

/// The file is locked from before it is read until its successor has its name: of several changes at once, each sees
/// what the one before it has written.
fn change(path: &Path, command: &KeysCommand) -> anyhow::Result<Keys> {
    let adds = matches!(command, KeysCommand::Add { .. });
    loop {
        let locked = match lock(path) {
            Ok(file) => Some(file),
            Err(error) if adds && error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(unreadable(&error, path).into()),
        };
        let mut keys = match &locked {
            Some(file) => Keys::read(file, path)?,
            None => Keys::default(),
        };
        keys.apply(command)?;
        let draft = Draft::write(path, &keys.text()).with_context(|| path.display().to_string())?;
        if locked.is_some() {
            let written = draft.publish(path);
            anyhow::ensure!(
                written == path,
                "the keys are in {}, not in {}",
                written.display(),
                path.display()
            );
            return Ok(keys);
        }
        // If another has made the file meanwhile, the key is to be added to that one's.
        if draft.publish_new(path).with_context(|| path.display().to_string())? {
            return Ok(keys);
        }
    }
}

/// The file, locked until it is closed. Whoever had the lock before may have put another file in its place.
fn lock(path: &Path) -> io::Result<File> {
    loop {
        let file = File::open(path)?;
        file.lock()?;
        if is_called(&file, path)? {
            return Ok(file);
        }
    }
}

#[cfg(unix)]
fn is_called(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let (file, called) = (file.metadata()?, std::fs::metadata(path)?);
    Ok((file.dev(), file.ino()) == (called.dev(), called.ino()))
}

/// Only Unix tells files apart in this way.
#[cfg(not(unix))]
fn is_called(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}

impl Keys {
    /// The keys that the server is to use.
    pub(crate) fn load(path: &Path) -> Result<Vec<SigningKey>, WrongSetting> {
        let keys = Self::open(path)?.blocks;
        if keys.is_empty() {
            return Err(wrong(format!("holds no key: `keys add` puts one into {}", path.display())));
        }
        Ok(keys.into_iter().map(|kept| kept.key).collect())
    }

    fn open(path: &Path) -> Result<Self, WrongSetting> {
        Self::read(&File::open(path).map_err(|error| unreadable(&error, path))?, path)
    }

    fn read(file: &File, path: &Path) -> Result<Self, WrongSetting> {
        if let Some(mode) = too_open(file).map_err(|error| unreadable(&error, path))? {
            let path = path.display();
            return Err(wrong(format!("may be read by others (mode {mode:04o}): `chmod 600 {path}`")));
        }
        let mut text = String::new();
        let length = file.take(FILE_MAX_BYTES).read_to_string(&mut text);
        if length.map_err(|error| unreadable(&error, path))? as u64 == FILE_MAX_BYTES {
            return Err(damaged("is too long for a file of keys", path));
        }
        Self::parse(&text, path)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, WrongSetting> {
        let comment = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
        let (head, blocks, tail) = parts(text)
            .filter(|(head, blocks, _)| !blocks.is_empty() || head.lines().all(comment))
            .ok_or_else(|| damaged("holds something else than whole PEM blocks", path))?;
        let mut keys = Self { head: lines(head), blocks: Vec::new(), tail: tail.to_owned() };
        for (index, block) in blocks.into_iter().enumerate() {
            // The parser's own errors quote what it has read: a key.
            let pem = pem::parse(block).map_err(|_| damaged("is no PEM", path))?;
            let key = SigningKey::from_pem(pem::encode(&pem)).map_err(|error| {
                let path = path.display();
                wrong(format!("has no key that serves in place {} ({path}): {error}", index + 1))
            })?;
            keys.blocks.push(Kept { text: lines(block), key });
        }
        Ok(keys)
    }

    fn text(&self) -> String {
        let keys = self.blocks.iter().map(|kept| kept.text.as_str());
        [self.head.as_str()].into_iter().chain(keys).chain([self.tail.as_str()]).collect()
    }

    fn apply(&mut self, command: &KeysCommand) -> anyhow::Result<()> {
        match command {
            KeysCommand::List => {}
            KeysCommand::Add { algorithm } => {
                let pem = generate(*algorithm).map_err(|_| anyhow!("no key could be made"))?;
                let text = pem::encode(&pem);
                let key = SigningKey::from_pem(&text)?;
                self.blocks.push(Kept { text, key });
            }
            KeysCommand::Use { kid } => {
                let index = self.find(kid)?;
                let key = self.blocks.remove(index);
                self.blocks.insert(0, key);
            }
            KeysCommand::Remove { kid } => {
                let index = self.find(kid)?;
                anyhow::ensure!(
                    index > 0,
                    "the key {kid} signs: let another one sign first, with `keys use`"
                );
                self.blocks.remove(index);
            }
        }
        Ok(())
    }

    fn find(&self, kid: &str) -> anyhow::Result<usize> {
        let found = self.blocks.iter().position(|kept| kept.key.id().to_string() == kid);
        found.with_context(|| format!("there is no key {kid:?}: `keys list` shows those there are"))
    }

    fn show(&self) -> io::Result<()> {
        let mut output = io::stdout().lock();
        for (index, Kept { key, .. }) in self.blocks.iter().enumerate() {
            let does = if index == 0 { "signs" } else { "verifies" };
            writeln!(output, "{}  {:<5}  {does}", key.id(), key.algorithm())?;
        }
        Ok(())
    }
}

/// What stands above the first key with an empty line between; each key with what stands above it; and the rest.
/// `None` if a PEM block is not whole.
fn parts(text: &str) -> Option<(&str, Vec<&str>, &str)> {
    let head = match text.split_once(BEGIN) {
        Some((above, _)) => {
            let blanks = ["\n\n", "\n\r\n"].into_iter();
            blanks.filter_map(|blank| Some(above.rfind(blank)? + blank.len())).max().unwrap_or(0)
        }
        None => text.len(),
    };
    let (head, mut rest) = text.split_at(head);
    let mut blocks = Vec::new();
    while let Some(begin) = rest.find(BEGIN) {
        let end = begin + rest.get(begin..)?.find(END)?;
        let end = rest.get(end..)?.find('\n').map_or(rest.len(), |line| end + line + 1);
        let (block, below) = rest.split_at(end);
        blocks.push(block);
        rest = below;
    }
    let whole = [BEGIN, END].into_iter().all(|mark| text.matches(mark).count() == blocks.len());
    whole.then_some((head, blocks, rest))
}

/// The text, with an end to its last line.
fn lines(text: &str) -> String {
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    [text, end].concat()
}

fn generate(algorithm: SigningAlgorithm) -> Result<Pem, aws_lc_rs::error::Unspecified> {
    let der = match algorithm {
        SigningAlgorithm::Es256 => {
            EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?.to_pkcs8v1()?.as_ref().to_vec()
        }
        SigningAlgorithm::Rs256 => {
            let der: Pkcs8V1Der<'_> = RsaKeyPair::generate(KeySize::Rsa3072)?.as_der()?;
            der.as_ref().to_vec()
        }
        _ => Ed25519KeyPair::generate()?.to_pkcs8v1()?.as_ref().to_vec(),
    };
    Ok(Pem::new("PRIVATE KEY", der))
}

fn unreadable(error: &io::Error, path: &Path) -> WrongSetting {
    let missing = error.kind() == io::ErrorKind::NotFound;
    let remedy = if missing { "; `full-app keys add` makes it" } else { "" };
    wrong(format!("cannot be read ({}): {error}{remedy}", path.display()))
}

fn damaged(problem: &str, path: &Path) -> WrongSetting {
    let path = path.display();
    wrong(format!("{problem} ({path}); put the file back from a copy, or move it away and `keys add`"))
}

fn wrong(problem: impl Into<String>) -> WrongSetting {
    WrongSetting::new("JWT_KEYS_FILE", problem, "keys.pem")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::HashSet, fs, sync::Barrier, thread};

    const ADD: KeysCommand = KeysCommand::Add { algorithm: SigningAlgorithm::EdDsa };

    /// Of mode 0600.
    fn write(path: &Path, text: &str) {
        assert_eq!(Draft::write(path, text).unwrap().publish(path), path);
    }

    fn kid(path: &Path, index: usize) -> String {
        Keys::open(path).unwrap().blocks[index].key.id().to_string()
    }

    #[test]
    fn what_is_made_is_a_key_of_its_algorithm() {
        for algorithm in [SigningAlgorithm::EdDsa, SigningAlgorithm::Es256, SigningAlgorithm::Rs256] {
            let pem = pem::encode(&generate(algorithm).unwrap());
            assert_eq!(SigningKey::from_pem(pem).unwrap().algorithm(), algorithm);
        }
    }

    #[test]
    fn keys_that_are_added_at_once_are_all_kept() {
        const NODES: usize = 16;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.pem");
        // Once where there is no file yet, and once where there is one.
        for before in [0, NODES] {
            let start = Barrier::new(NODES);
            thread::scope(|scope| {
                for _ in 0..NODES {
                    scope.spawn(|| {
                        start.wait();
                        change(&path, &ADD).unwrap();
                    });
                }
            });
            let keys = Keys::load(&path).unwrap();
            let names: HashSet<_> = keys.iter().map(|key| key.id().to_string()).collect();
            assert_eq!((keys.len(), names.len()), (before + NODES, before + NODES));
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside the file");
    }

    #[test]
    fn what_stands_beside_keys_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.pem");
        let [may, june] = [(); 2].map(|()| pem::encode(&generate(SigningAlgorithm::EdDsa).unwrap()));
        write(&path, &format!("# ours\n\n# of May\n{may}\nof June: openssl\n{june}# the end"));
        change(&path, &KeysCommand::Use { kid: kid(&path, 1) }).unwrap();
        let used = format!("# ours\n\n\nof June: openssl\n{june}# of May\n{may}# the end");
        assert_eq!(fs::read_to_string(&path).unwrap(), used);
        change(&path, &ADD).unwrap();
        change(&path, &KeysCommand::Remove { kid: kid(&path, 1) }).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let rest = text.strip_prefix(&format!("# ours\n\n\nof June: openssl\n{june}")).unwrap();
        let added = rest.strip_suffix("# the end").unwrap();
        assert_eq!(SigningKey::from_pem(added).unwrap().id().to_string(), kid(&path, 1));
    }

    #[test]
    fn a_file_of_comments_gets_its_first_key_below_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.pem");
        write(&path, "# ours");
        change(&path, &ADD).unwrap();
        assert!(fs::read_to_string(&path).unwrap().starts_with("# ours\n-----BEGIN PRIVATE KEY-----"));
    }

    #[test]
    fn a_file_that_is_damaged_is_not_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.pem");
        let key = pem::encode(&generate(SigningAlgorithm::EdDsa).unwrap());
        let without_begin = key.replacen("-----BEGIN", "----BEGIN", 1);
        for text in ["hunter2", &format!("{key}-----BEGIN"), &format!("{without_begin}{key}")] {
            write(&path, text);
            let message = change(&path, &ADD).err().unwrap().to_string();
            assert!(message.contains("whole PEM blocks") && message.contains("from a copy"), "{message}");
            assert!(!message.contains("hunter2"), "{message}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn a_file_that_is_missing_is_made_by_add_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.pem");
        for command in [KeysCommand::Use { kid: String::new() }, KeysCommand::Remove { kid: String::new() }] {
            let message = change(&path, &command).err().unwrap().to_string();
            assert!(message.contains("`full-app keys add` makes it"), "{message}");
        }
        change(&path, &ADD).unwrap();
    }
}
