//! Refresh tokens: their form, and how each is made from the one before.
//!
//! base64url of `version ‖ key id ‖ family ‖ generation ‖ secret ‖ tag`. The tag is an HMAC over all before it, so
//! that a forged token dies without a store access. The first secret is random; each next one is
//! `HMAC(chain key, family ‖ generation ‖ secret before)`. Whoever holds the parent can therefore be given the very
//! same successor again, and nobody else can make it: not with the stored digest, not with the key, and not with both.

use std::{fmt, sync::Arc};

use arc_swap::ArcSwap;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    KeyId, RandomUnavailable, SessionId, Sha256Digest, WeakSecret,
    secret::{Secret32, base64url, constant_time_eq, from_base64url},
    weak_secret,
};

const VERSION: u8 = 1;
const TAG_BYTES: usize = 16;
/// version, key id, family, generation, secret: what the tag covers.
const BODY_BYTES: usize = 1 + 8 + 16 + 8 + SECRET_BYTES;
const SECRET_BYTES: usize = 32;
/// The length of a refresh token as text; no other length is looked at.
const TEXT_BYTES: usize = (BODY_BYTES + TAG_BYTES) / 3 * 4;

/// A key that refresh tokens are made with.
///
/// Two keys are derived from its secret (HKDF, RFC 5869): one authenticates tokens, the other makes successors.
#[derive(Clone)]
pub struct RefreshKey {
    id: KeyId,
    tag: Secret32,
    chain: Secret32,
}

impl RefreshKey {
    /// A key from a secret of at least 32 bytes; the same on every node.
    pub fn new(secret: impl AsRef<[u8]>) -> Result<Self, WeakSecret> {
        let secret = secret.as_ref();
        weak_secret::check(secret)?;
        Ok(Self::derive(secret))
    }

    /// The key that belongs to a signing secret, where no refresh key is configured.
    pub(crate) fn derive(secret: &[u8]) -> Self {
        let root = Secret32::derive(secret, b"refresh");
        Self {
            id: KeyId::of(root.as_bytes()),
            tag: Secret32::derive(root.as_bytes(), b"refresh tag"),
            chain: Secret32::derive(root.as_bytes(), b"refresh chain"),
        }
    }

    /// The key's name.
    pub fn id(&self) -> KeyId {
        self.id
    }
}

impl fmt::Debug for RefreshKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The key that new refresh tokens are made with, and those whose tokens are still accepted.
#[derive(Debug)]
pub(crate) struct RefreshKeys {
    current: ArcSwap<RefreshKey>,
    accepted: ArcSwap<Vec<RefreshKey>>,
}

impl RefreshKeys {
    pub(crate) fn new(current: RefreshKey, previous: Vec<RefreshKey>) -> Self {
        let accepted = std::iter::once(current.clone()).chain(previous).collect();
        Self { current: ArcSwap::from_pointee(current), accepted: ArcSwap::from_pointee(accepted) }
    }

    pub(crate) fn current(&self) -> Arc<RefreshKey> {
        self.current.load_full()
    }

    pub(crate) fn find(&self, id: KeyId) -> Option<RefreshKey> {
        self.accepted.load().iter().find(|key| key.id == id).cloned()
    }

    /// Refuses whatever was made with a key from now on. If it is the current one, `replacement` takes its place.
    pub(crate) fn drop_key(
        &self,
        id: KeyId,
        replacement: impl FnOnce() -> Result<RefreshKey, RandomUnavailable>,
    ) -> Result<bool, RandomUnavailable> {
        if self.current.load().id == id {
            let next = replacement()?;
            self.accepted.rcu(|keys| keys.iter().cloned().chain([next.clone()]).collect::<Vec<_>>());
            self.current.store(Arc::new(next));
        }
        let before =
            self.accepted.rcu(|keys| keys.iter().filter(|key| key.id != id).cloned().collect::<Vec<_>>());
        Ok(before.iter().any(|key| key.id == id))
    }
}

/// A refresh token that was made here: by [`begin`](Self::begin), by [`successor`](Self::successor), or presented
/// and found authentic.
#[derive(Clone)]
pub(crate) struct RefreshToken {
    session: SessionId,
    generation: u64,
    bytes: Zeroizing<[u8; BODY_BYTES + TAG_BYTES]>,
}

impl RefreshToken {
    /// The first token of a session.
    pub(crate) fn begin(session: SessionId, key: &RefreshKey) -> Result<Self, RandomUnavailable> {
        Ok(Self::assemble(session, 0, &Secret32::random()?, key))
    }

    /// The one token that may replace this one, made with `key`.
    pub(crate) fn successor(&self, key: &RefreshKey) -> Self {
        let generation = self.generation.saturating_add(1);
        let secret =
            key.chain.hmac(&[self.session.as_uuid().as_bytes(), &generation.to_be_bytes(), self.secret()]);
        Self::assemble(self.session, generation, &secret, key)
    }

    /// The token that a client presents, if it was made with one of `keys`.
    pub(crate) fn parse(text: &str, keys: &RefreshKeys) -> Result<Self, Forged> {
        if text.len() != TEXT_BYTES {
            return Err(Forged);
        }
        let bytes: [u8; BODY_BYTES + TAG_BYTES] =
            from_base64url(text).and_then(|bytes| bytes.try_into().ok()).ok_or(Forged)?;
        let bytes = Zeroizing::new(bytes);
        let mut rest = bytes.as_slice();
        let [version] = take(&mut rest)?;
        let key: [u8; 8] = take(&mut rest)?;
        let session: [u8; 16] = take(&mut rest)?;
        let generation: [u8; 8] = take(&mut rest)?;
        let _secret: [u8; 32] = take(&mut rest)?;
        let (body, tag) = bytes.split_at(BODY_BYTES);

        let key = KeyId::from_slice(&key).and_then(|id| keys.find(id)).ok_or(Forged)?;
        let authentic = constant_time_eq(tag, authenticate(body, &key).as_slice());
        if version != VERSION || !authentic {
            return Err(Forged);
        }
        let session = SessionId::from(Uuid::from_bytes(session));
        Ok(Self { session, generation: u64::from_be_bytes(generation), bytes })
    }

    fn assemble(session: SessionId, generation: u64, secret: &Secret32, key: &RefreshKey) -> Self {
        let mut bytes = Zeroizing::new([0; BODY_BYTES + TAG_BYTES]);
        let (family, count) = (session.as_uuid(), generation.to_be_bytes());
        let body = [&[VERSION][..], key.id.as_bytes(), family.as_bytes(), &count, secret.as_bytes()];
        let (head, tag) = bytes.split_at_mut(BODY_BYTES);
        for (place, byte) in head.iter_mut().zip(body.into_iter().flatten()) {
            *place = *byte;
        }
        tag.copy_from_slice(authenticate(head, key).as_slice());
        Self { session, generation, bytes }
    }

    /// What nobody but the token's holder has; unlike its digest, which is stored.
    fn secret(&self) -> &[u8] {
        let (body, _) = self.bytes.split_at(BODY_BYTES);
        body.split_at(BODY_BYTES - SECRET_BYTES).1
    }

    pub(crate) fn session(&self) -> SessionId {
        self.session
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// What a store keeps of the token.
    pub(crate) fn digest(&self) -> Sha256Digest {
        Sha256Digest::of(self.bytes.as_slice())
    }

    /// The token for the client.
    pub(crate) fn to_text(&self) -> String {
        base64url(self.bytes.as_slice())
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshToken")
            .field("session", &self.session)
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

/// The tag of `body`: the first 16 bytes of its HMAC (RFC 2104 §5 allows half of the output).
fn authenticate(body: &[u8], key: &RefreshKey) -> Zeroizing<[u8; TAG_BYTES]> {
    let mut tag = Zeroizing::new([0; TAG_BYTES]);
    let mac = key.tag.hmac(&[body]);
    for (place, byte) in tag.iter_mut().zip(mac.as_bytes()) {
        *place = *byte;
    }
    tag
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Forged> {
    let (head, tail) = rest.split_first_chunk::<N>().ok_or(Forged)?;
    *rest = tail;
    Ok(*head)
}

/// A text that is no refresh token of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a refresh token that was issued here")]
pub(crate) struct Forged;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(number: u8) -> RefreshKey {
        RefreshKey::new(Sha256Digest::of(&[number]).as_bytes()).unwrap()
    }

    fn keys() -> RefreshKeys {
        RefreshKeys::new(key(7), vec![key(8)])
    }

    fn first(keys: &RefreshKeys) -> RefreshToken {
        RefreshToken::begin(SessionId::generate(), &keys.current()).unwrap()
    }

    #[test]
    fn a_token_reads_back() {
        let keys = keys();
        let token = first(&keys).successor(&keys.current());
        let read = RefreshToken::parse(&token.to_text(), &keys).unwrap();
        assert_eq!((read.session(), read.generation()), (token.session(), 1));
        assert_eq!(read.digest(), token.digest());
        assert_eq!(token.to_text().len(), TEXT_BYTES);
    }

    #[test]
    fn a_parent_has_one_successor_and_only_its_key_makes_it() {
        let keys = keys();
        let parent = first(&keys);
        let other = key(8);
        let successor = parent.successor(&keys.current());
        assert_eq!(parent.successor(&keys.current()).digest(), successor.digest());
        assert_ne!(parent.successor(&other).digest(), successor.digest());
        assert_ne!(successor.successor(&keys.current()).digest(), successor.digest());
    }

    #[test]
    fn what_is_stored_and_the_key_together_make_no_successor() {
        let keys = keys();
        let (parent, key) = (first(&keys), keys.current());
        let successor = parent.successor(&key);
        let (family, generation) = (parent.session(), 1_u64.to_be_bytes());
        let made = key.chain.hmac(&[family.as_uuid().as_bytes(), &generation, parent.digest().as_bytes()]);
        assert_ne!(made.as_bytes(), successor.secret());
        assert_eq!(successor.secret(), &successor.bytes[33..65]);
    }

    #[test]
    fn a_dropped_key_opens_nothing_and_a_new_one_takes_the_current_ones_place() {
        let keys = keys();
        let token = first(&keys);
        let dropped = keys.current().id();
        assert!(keys.drop_key(dropped, || Ok(key(9))).unwrap());
        assert_eq!(RefreshToken::parse(&token.to_text(), &keys).map(|_| ()), Err(Forged));
        assert_ne!(keys.current().id(), dropped);
        assert!(RefreshToken::parse(&first(&keys).to_text(), &keys).is_ok());
        assert!(!keys.drop_key(dropped, || Err(RandomUnavailable)).unwrap(), "it is gone");
    }

    #[test]
    fn other_spellings_are_forged() {
        let keys = keys();
        let text = first(&keys).to_text();
        for other in [String::new(), format!("{text}="), format!(" {text}"), text[1..].to_owned()] {
            assert_eq!(RefreshToken::parse(&other, &keys).map(|_| ()), Err(Forged));
        }
        let foreign = RefreshKeys::new(key(1), vec![]);
        assert_eq!(RefreshToken::parse(&text, &foreign).map(|_| ()), Err(Forged));
    }

    proptest! {
        #[test]
        fn no_bit_of_a_token_can_change(bit in 0..(BODY_BYTES + TAG_BYTES) * 8) {
            let keys = keys();
            let mut bytes = *first(&keys).bytes;
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(RefreshToken::parse(&base64url(&bytes), &keys).is_err());
        }

        #[test]
        fn no_text_panics_or_passes(text in ".{0,200}|[A-Za-z0-9_-]{108}") {
            prop_assert!(RefreshToken::parse(&text, &keys()).is_err());
        }
    }
}
