//! The device's fingerprint: a random secret that lives in an `HttpOnly` cookie only.
//!
//! Tokens and stores hold its SHA-256, so that neither gives it away. It is random, not derived from the device.

use secrecy::{ExposeSecret as _, SecretString};

use crate::secret::{RandomUnavailable, Secret32, Sha256Digest, base64url, from_base64url};

/// How many cookies of the name may come with a request. A subdomain can add some; more than a few are an attack on
/// the comparison.
const FINGERPRINTS_MAX: usize = 4;

/// The length of a fingerprint as text: 32 bytes in base64url.
const TEXT_BYTES: usize = 43;

/// A device's fingerprint.
#[derive(Debug, Clone)]
pub(crate) struct Fingerprint {
    text: SecretString,
    digest: Sha256Digest,
}

impl Fingerprint {
    /// A new one, from the system's random generator.
    pub(crate) fn generate() -> Result<Self, RandomUnavailable> {
        Ok(Self::from_text(base64url(Secret32::random()?.as_bytes())))
    }

    /// What a cookie holds; `None` if it cannot be a fingerprint.
    fn parse(value: &str) -> Option<Self> {
        // The length first, so that a long value costs nothing.
        (value.len() == TEXT_BYTES && from_base64url(value).is_some())
            .then(|| Self::from_text(value.to_owned()))
    }

    fn from_text(text: String) -> Self {
        Self { digest: Sha256Digest::of(text.as_bytes()), text: text.into() }
    }

    /// The cookie's value.
    pub(crate) fn cookie_value(&self) -> &str {
        self.text.expose_secret()
    }

    pub(crate) fn digest(&self) -> Sha256Digest {
        self.digest
    }
}

/// The fingerprint cookies of a request, as they came.
#[derive(Clone, Default)]
pub(crate) struct FingerprintCookies<'a> {
    count: usize,
    values: [&'a str; FINGERPRINTS_MAX],
}

impl<'a> FingerprintCookies<'a> {
    /// From the values of all cookies of the name. With more than four of them none counts.
    pub(crate) fn new(values: impl IntoIterator<Item = &'a str>) -> Self {
        let mut cookies = Self::default();
        for value in values {
            match cookies.values.get_mut(cookies.count) {
                Some(place) => *place = value,
                None => cookies.values = [""; FINGERPRINTS_MAX],
            }
            cookies.count += 1;
        }
        cookies
    }

    /// Whether no cookie came at all; one that is no fingerprint is a wrong one, not a missing one.
    pub(crate) fn is_missing(&self) -> bool {
        self.count == 0
    }

    /// Whether one of them is the fingerprint with this digest. Each is compared in constant time.
    pub(crate) fn hold(&self, digest: &Sha256Digest) -> bool {
        let compared = self.values.iter().take(self.count).filter(|value| value.len() == TEXT_BYTES);
        compared.fold(false, |found, value| found | (Sha256Digest::of(value.as_bytes()) == *digest))
    }

    /// The same to be kept.
    pub(crate) fn to_presented(&self) -> PresentedFingerprints {
        let values = self.values.iter().take(self.count);
        PresentedFingerprints {
            cookies: self.count,
            fingerprints: values.filter_map(|value| Fingerprint::parse(value)).collect(),
        }
    }
}

/// The fingerprints that a request presents.
#[derive(Debug, Clone, Default)]
pub(crate) struct PresentedFingerprints {
    cookies: usize,
    fingerprints: Vec<Fingerprint>,
}

impl PresentedFingerprints {
    #[cfg(test)]
    pub(crate) fn new<'a>(values: impl IntoIterator<Item = &'a str>) -> Self {
        FingerprintCookies::new(values).to_presented()
    }

    /// Whether no cookie came at all; one that is no fingerprint is a wrong one, not a missing one.
    pub(crate) fn is_missing(&self) -> bool {
        self.cookies == 0
    }

    /// Whether more cookies came than are compared. None of them counts then.
    pub(crate) fn are_too_many(&self) -> bool {
        self.cookies > FINGERPRINTS_MAX
    }

    /// The presented fingerprint that has this digest. Every one is compared, each in constant time.
    pub(crate) fn matching(&self, digest: &Sha256Digest) -> Option<&Fingerprint> {
        self.fingerprints.iter().fold(None, |found, fingerprint| {
            if fingerprint.digest == *digest { Some(fingerprint) } else { found }
        })
    }

    /// The fingerprint, if exactly one came.
    pub(crate) fn only(&self) -> Option<&Fingerprint> {
        match &*self.fingerprints {
            [fingerprint] => Some(fingerprint),
            _ => None,
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Fingerprint> {
        self.fingerprints.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_of_up_to_four_matches_and_five_match_nothing() {
        let ours = Fingerprint::generate().unwrap();
        let tossed = Fingerprint::generate().unwrap();
        let presented = |count: usize| {
            let mut values = vec![tossed.cookie_value(); count - 1];
            values.push(ours.cookie_value());
            let cookies = FingerprintCookies::new(values);
            let presented = cookies.to_presented();
            assert_eq!(presented.matching(&ours.digest()).is_some(), cookies.hold(&ours.digest()));
            assert!(!cookies.hold(&Fingerprint::generate().unwrap().digest()));
            assert!(!cookies.is_missing() && !presented.is_missing());
            cookies.hold(&ours.digest())
        };
        assert_eq!([1, 2, 4, 5, 100].map(presented), [true, true, true, false, false]);
    }

    #[test]
    fn what_is_no_fingerprint_is_wrong_and_not_missing() {
        for value in ["", "x", "not base64 at all, yet as long as it is....", &"A".repeat(44), "é"] {
            let cookies = FingerprintCookies::new([value]);
            let presented = cookies.to_presented();
            assert!(!presented.is_missing() && presented.only().is_none(), "{value}");
            assert!(!cookies.is_missing() && !cookies.hold(&Sha256Digest::of(b"")), "{value}");
        }
        assert!(FingerprintCookies::new([]).is_missing());
    }
}
