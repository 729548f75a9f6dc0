//! Random text for secrets.

use anyhow::anyhow;
use aws_lc_rs::rand;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::SecretString;

/// `BYTES` bytes from the system's generator, as letters, digits, `-` and `_`.
pub(crate) fn text<const BYTES: usize>() -> anyhow::Result<SecretString> {
    let mut bytes = [0; BYTES];
    rand::fill(&mut bytes).map_err(|_| anyhow!("the system's random generator failed"))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes).into())
}
