//! The keys of `JWT_KEYS_FILE`, and `full-app keys …`, which changes them.
//!
//! The file holds private keys in PEM, one after the other: the first signs, the others verify. A new key is put at the
//! end, so that every node knows it before it signs: start the nodes again after `add`, after `use`, and once more after
//! `remove`, when nothing that the old key signed is good any more.

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

/// The keys of a file, the one that signs first.
pub(crate) struct Keys(Vec<(Pem, SigningKey)>);

/// Does what the command says, and shows the keys as they are then.
pub(crate) fn run(settings: &Settings, command: KeysCommand) -> anyhow::Result<()> {
    let Some(path) = &settings.jwt_keys_file else {
        return Err(wrong("is what `keys` is about").into());
    };
    let mut keys = match File::open(path) {
        Err(error)
            if error.kind() == io::ErrorKind::NotFound && matches!(command, KeysCommand::Add { .. }) =>
        {
            Keys(Vec::new())
        }
        file => Keys::read(file, path)?,
    };
    let changed = match command {
        KeysCommand::List => false,
        KeysCommand::Add { algorithm } => {
            let pem = generate(algorithm).map_err(|_| anyhow!("no key could be made"))?;
            let key = SigningKey::from_pem(pem::encode(&pem))?;
            keys.0.push((pem, key));
            true
        }
        KeysCommand::Use { kid } => {
            let index = keys.find(&kid)?;
            let key = keys.0.remove(index);
            keys.0.insert(0, key);
            true
        }
        KeysCommand::Remove { kid } => match keys.find(&kid)? {
            0 => return Err(anyhow!("the key {kid} signs: let another one sign first, with `keys use`")),
            index => {
                keys.0.remove(index);
                true
            }
        },
    };
    if changed {
        keys.write(path)?;
    }
    keys.show().context("standard output")
}

impl Keys {
    /// The keys that the server is to use.
    pub(crate) fn load(path: &Path) -> Result<Vec<SigningKey>, WrongSetting> {
        let keys = Self::read(File::open(path), path)?;
        if keys.0.is_empty() {
            return Err(wrong(format!("holds no key: `keys add` puts one into {}", path.display())));
        }
        Ok(keys.0.into_iter().map(|(_, key)| key).collect())
    }

    fn read(file: io::Result<File>, path: &Path) -> Result<Self, WrongSetting> {
        let path = path.display();
        let unreadable = |error: io::Error| wrong(format!("cannot be read ({path}): {error}"));
        let file = file.map_err(unreadable)?;
        if let Some(mode) = too_open(&file).map_err(unreadable)? {
            return Err(wrong(format!("may be read by others (mode {mode:04o}): `chmod 600 {path}`")));
        }
        let mut text = String::new();
        let length = file.take(FILE_MAX_BYTES).read_to_string(&mut text).map_err(unreadable)?;
        if length as u64 == FILE_MAX_BYTES {
            return Err(wrong(format!("is too long for a file of keys ({path})")));
        }
        // The parser's own errors quote what it has read: a key.
        let blocks = pem::parse_many(&text).map_err(|_| wrong(format!("is no PEM ({path})")))?;
        let begun = text.matches("-----BEGIN").count();
        if begun != blocks.len() || (begun == 0 && !text.trim().is_empty()) {
            return Err(wrong(format!("holds something else than whole PEM blocks ({path})")));
        }
        let keys = blocks.into_iter().enumerate().map(|(index, block)| {
            let key = SigningKey::from_pem(pem::encode(&block)).map_err(|error| {
                wrong(format!("has no key that serves in place {} ({path}): {error}", index + 1))
            })?;
            Ok((block, key))
        });
        keys.collect::<Result<_, _>>().map(Self)
    }

    fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text: String = self.0.iter().map(|(pem, _)| pem::encode(pem)).collect();
        let draft = Draft::write(path, &text).with_context(|| path.display().to_string())?;
        let written = draft.publish(path);
        anyhow::ensure!(written == path, "the keys are in {}, not in {}", written.display(), path.display());
        Ok(())
    }

    fn find(&self, kid: &str) -> anyhow::Result<usize> {
        let found = self.0.iter().position(|(_, key)| key.id().to_string() == kid);
        found.with_context(|| format!("there is no key {kid:?}: `keys list` shows those there are"))
    }

    fn show(&self) -> io::Result<()> {
        let mut output = io::stdout().lock();
        for (index, (_, key)) in self.0.iter().enumerate() {
            let does = if index == 0 { "signs" } else { "verifies" };
            writeln!(output, "{}  {:<5}  {does}", key.id(), key.algorithm())?;
        }
        Ok(())
    }
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

fn wrong(problem: impl Into<String>) -> WrongSetting {
    WrongSetting::new("JWT_KEYS_FILE", problem, "keys.pem")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_a_key_of_its_algorithm() {
        for algorithm in [SigningAlgorithm::EdDsa, SigningAlgorithm::Es256, SigningAlgorithm::Rs256] {
            let pem = pem::encode(&generate(algorithm).unwrap());
            assert_eq!(SigningKey::from_pem(pem).unwrap().algorithm(), algorithm);
        }
    }
}
