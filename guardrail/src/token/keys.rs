//! The keys that sign access tokens.

use std::fmt;

use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, crypto,
    jwk::{AlgorithmParameters, Jwk, KeyAlgorithm, PublicKeyUse, ThumbprintHash},
};
use zeroize::Zeroizing;

use super::KeyId;
use crate::{
    secret::from_base64url,
    weak_secret::{self, WeakSecret},
};

/// The shortest RSA modulus, in bytes (RFC 7518 §3.3).
const RSA_MIN_BYTES: usize = 2048 / 8;

/// A key that signs access tokens, with the one algorithm that it is for.
///
/// A secret is enough where only Guardrail verifies. With a key pair other services can verify too, by what
/// [`Guardrail::well_known`](crate::Guardrail::well_known) publishes.
///
/// ```
/// use guardrail::SigningKey;
///
/// assert!(SigningKey::hs256("a secret of your own, 32 bytes or more").is_ok());
/// let error = SigningKey::hs256("secret").unwrap_err();
/// assert!(error.to_string().contains("at least 32 bytes"));
/// ```
#[derive(Clone)]
pub struct SigningKey {
    id: KeyId,
    algorithm: SigningAlgorithm,
    encoding: EncodingKey,
    decoding: DecodingKey,
    /// The public half, of those that have one.
    public: Option<Jwk>,
    /// What other keys are derived from where none are given.
    secret: Zeroizing<Vec<u8>>,
}

/// How access tokens are signed (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SigningAlgorithm {
    /// HMAC with SHA-256, by a secret.
    Hs256,
    /// Ed25519.
    EdDsa,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// RSA PKCS #1 v1.5 with SHA-256.
    Rs256,
}

impl SigningAlgorithm {
    /// The `alg` of a token's header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }

    fn jwt(self) -> Algorithm {
        match self {
            Self::Hs256 => Algorithm::HS256,
            Self::EdDsa => Algorithm::EdDSA,
            Self::Es256 => Algorithm::ES256,
            Self::Rs256 => Algorithm::RS256,
        }
    }
}

impl fmt::Display for SigningAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl SigningKey {
    /// A key for HMAC-SHA-256 (`HS256`). The secret is used as it is, without decoding.
    pub fn hs256(secret: impl AsRef<[u8]>) -> Result<Self, InvalidSigningKey> {
        let secret = secret.as_ref();
        weak_secret::check(secret)?;
        Ok(Self {
            id: KeyId::of(secret),
            algorithm: SigningAlgorithm::Hs256,
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            public: None,
            secret: Zeroizing::new(secret.to_vec()),
        })
    }

    /// A private key in PEM, for the algorithm that its kind is for: Ed25519 (`EdDSA`) and P-256 (`ES256`) in PKCS #8,
    /// RSA of at least 2048 bits (`RS256`) in PKCS #8 or #1.
    ///
    /// `openssl genpkey -algorithm ed25519` makes one. Refresh keys are derived from these bytes, unless
    /// [`refresh_key`](crate::GuardrailBuilder::refresh_key) gives one.
    ///
    /// ```
    /// use guardrail::SigningKey;
    ///
    /// let key = SigningKey::from_pem(
    ///     "-----BEGIN PRIVATE KEY-----\n\
    ///      MC4CAQAwBQYDK2VwBCIEIF/UksuP4MTkpB/bT282B2sgzbb8nSTob00hu8JtCecZ\n\
    ///      -----END PRIVATE KEY-----\n",
    /// )?;
    /// assert_eq!(key.algorithm().as_str(), "EdDSA");
    /// # Ok::<_, guardrail::InvalidSigningKey>(())
    /// ```
    pub fn from_pem(pem: impl AsRef<[u8]>) -> Result<Self, InvalidSigningKey> {
        let pem = pem.as_ref();
        if memchr::memmem::find_iter(pem, b"-----BEGIN").count() != 1 {
            return Err(InvalidSigningKey::Pem);
        }
        let (algorithm, encoding) = None
            .or_else(|| EncodingKey::from_ed_pem(pem).ok().map(|key| (SigningAlgorithm::EdDsa, key)))
            .or_else(|| EncodingKey::from_ec_pem(pem).ok().map(|key| (SigningAlgorithm::Es256, key)))
            .or_else(|| EncodingKey::from_rsa_pem(pem).ok().map(|key| (SigningAlgorithm::Rs256, key)))
            .ok_or(InvalidSigningKey::Pem)?;
        // An error says that a provider is installed already; if it does not work, what follows fails.
        let _ = crypto::aws_lc::DEFAULT_PROVIDER.install_default();
        let mut public =
            Jwk::from_encoding_key(&encoding, algorithm.jwt()).map_err(|_| InvalidSigningKey::Pem)?;
        if let AlgorithmParameters::RSA(rsa) = &public.algorithm {
            let modulus = from_base64url(&rsa.n).ok_or(InvalidSigningKey::Pem)?;
            if modulus.len() < RSA_MIN_BYTES {
                return Err(InvalidSigningKey::RsaTooShort { bits: modulus.len() * 8 });
            }
        }
        let decoding = DecodingKey::from_jwk(&public).map_err(|_| InvalidSigningKey::Pem)?;
        let thumbprint = public.thumbprint(ThumbprintHash::SHA256).map_err(|_| InvalidSigningKey::Pem)?;
        let id = KeyId::of(thumbprint.as_bytes());
        public.common.key_id = Some(id.to_string());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        public.common.key_algorithm = Some(match algorithm {
            SigningAlgorithm::EdDsa => KeyAlgorithm::EdDSA,
            SigningAlgorithm::Es256 => KeyAlgorithm::ES256,
            SigningAlgorithm::Rs256 => KeyAlgorithm::RS256,
            // Has no public key, and did not come this far.
            SigningAlgorithm::Hs256 => return Err(InvalidSigningKey::Pem),
        });
        let secret = Zeroizing::new(encoding.as_bytes().to_vec());
        let key = Self { id, algorithm, encoding, decoding, public: Some(public), secret };
        // A key on another curve is found here.
        match key.sign(b"trial").and_then(|signature| key.verify(&signature, b"trial")) {
            Ok(true) => Ok(key),
            _ => Err(InvalidSigningKey::Pem),
        }
    }

    /// The key's name, the `kid` of what it signs.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The algorithm that it is for.
    pub fn algorithm(&self) -> SigningAlgorithm {
        self.algorithm
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<String, jsonwebtoken::errors::Error> {
        crypto::sign(message, &self.encoding, self.algorithm.jwt())
    }

    /// Whether `signature`, in base64url, is of `message`.
    pub(super) fn verify(
        &self,
        signature: &str,
        message: &[u8],
    ) -> Result<bool, jsonwebtoken::errors::Error> {
        crypto::verify(signature, message, &self.decoding, self.algorithm.jwt())
    }

    pub(crate) fn secret(&self) -> &[u8] {
        &self.secret
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("id", &self.id)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// What is refused as a signing key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSigningKey {
    /// It is too easily guessed.
    #[error(transparent)]
    Weak(#[from] WeakSecret),
    /// It is no private key of a kind that signs here.
    #[error(
        "the PEM holds no, or not only one, private key for Ed25519 or P-256 (PKCS #8) or RSA; \
         make one with `openssl genpkey -algorithm ed25519`"
    )]
    Pem,
    /// An RSA key that is too short.
    #[error("the RSA key has {bits} bits and needs at least 2048")]
    RsaTooShort {
        /// How long its modulus is.
        bits: usize,
    },
}

/// The key that signs, and those that still verify.
#[derive(Debug, Clone)]
pub(crate) struct KeyRing {
    current: SigningKey,
    previous: Vec<SigningKey>,
}

impl KeyRing {
    pub(crate) fn new(current: SigningKey, previous: Vec<SigningKey>) -> Self {
        Self { current, previous }
    }

    pub(crate) fn current(&self) -> &SigningKey {
        &self.current
    }

    /// Every key, the current one first.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &SigningKey> {
        std::iter::once(&self.current).chain(&self.previous)
    }

    /// What others may know: the public halves.
    pub(crate) fn public(&self) -> Vec<Jwk> {
        self.keys().filter_map(|key| key.public.clone()).collect()
    }

    pub(super) fn find(&self, id: KeyId) -> Option<&SigningKey> {
        self.keys().find(|key| key.id == id)
    }

    /// The ring without a previous key; `None` if the key signs at present and so cannot leave.
    pub(crate) fn without(&self, id: KeyId) -> Option<Self> {
        (self.current.id != id).then(|| Self {
            current: self.current.clone(),
            previous: self.previous.iter().filter(|key| key.id != id).cloned().collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED25519: &str = include_str!("testdata/ed25519.pem");
    const P256: &str = include_str!("testdata/p256.pem");
    const P384: &str = include_str!("testdata/p384.pem");
    const RSA2048: &str = include_str!("testdata/rsa2048.pem");
    const RSA1024: &str = include_str!("testdata/rsa1024.pem");
    const RSA2048_PUBLIC: &str = include_str!("testdata/rsa2048_public.pem");

    #[test]
    fn a_pem_is_for_the_algorithm_of_its_kind() {
        for (pem, algorithm) in [
            (ED25519, SigningAlgorithm::EdDsa),
            (P256, SigningAlgorithm::Es256),
            (RSA2048, SigningAlgorithm::Rs256),
        ] {
            let key = SigningKey::from_pem(pem).unwrap();
            assert_eq!(key.algorithm(), algorithm);
            let signature = key.sign(b"message").unwrap();
            assert!(key.verify(&signature, b"message").unwrap());
            assert!(!key.verify(&signature, b"another").unwrap());
            assert_eq!(SigningKey::from_pem(pem).unwrap().id(), key.id());
        }
    }

    #[test]
    fn other_pems_are_refused() {
        for pem in
            ["", "no PEM", &format!("{ED25519}{P256}"), P384, RSA2048_PUBLIC, &ED25519.replace('M', "N")]
        {
            assert_eq!(SigningKey::from_pem(pem).unwrap_err(), InvalidSigningKey::Pem, "{pem}");
        }
        let short = SigningKey::from_pem(RSA1024).unwrap_err();
        assert!(matches!(short, InvalidSigningKey::RsaTooShort { bits: 1024 } | InvalidSigningKey::Pem));
    }

    #[test]
    fn what_is_published_holds_no_private_member() {
        let keys = [RSA2048, ED25519, P256].map(|pem| SigningKey::from_pem(pem).unwrap());
        let secret = SigningKey::hs256("a secret of the tests, 32 bytes or more").unwrap();
        let ring = KeyRing::new(secret, keys.to_vec());
        let published = serde_json::to_value(ring.public()).unwrap();
        assert_eq!(published.as_array().unwrap().len(), 3, "the secret has no public half");
        for (jwk, key) in published.as_array().unwrap().iter().zip(&keys) {
            assert_eq!(jwk["kid"], key.id().to_string());
            assert_eq!(jwk["alg"], key.algorithm().as_str());
            assert_eq!(jwk["use"], "sig");
            for private in ["d", "p", "q", "dp", "dq", "qi", "k", "oth"] {
                assert!(jwk.get(private).is_none(), "{private}");
            }
        }
    }
}
