//! Where a request comes from, through the proxies that are trusted to say so.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;

/// What is counted as one client: an IPv4 address, or the /64 of an IPv6 address, which is what one customer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Network(IpAddr);

impl Network {
    pub(crate) fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        })
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The header in which proxies say whom they forward for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ProxyHeader {
    /// `X-Forwarded-For: client, proxy`.
    #[default]
    XForwardedFor,
    /// `Forwarded: for=client, for=proxy` (RFC 7239).
    Forwarded,
}

impl ProxyHeader {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
        }
    }
}

/// The proxies whose word is taken for where a request comes from.
///
/// A client can write any header itself. So the header is read from the right, where the nearest proxy wrote, and
/// only as long as the address found so far is of a trusted proxy; the first that is not is the client. The header is
/// one, since a proxy that sets one of the two passes the other on as the client wrote it.
///
/// ```
/// use guardrail::{ProxyHeader, TrustedProxies};
///
/// let proxies = TrustedProxies::new(["10.0.0.0/8".parse()?, "::1/128".parse()?], ProxyHeader::XForwardedFor);
/// # let _ = proxies;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
    header: ProxyHeader,
}

impl TrustedProxies {
    /// Proxies in these networks, which set this header.
    pub fn new(networks: impl IntoIterator<Item = IpNet>, header: ProxyHeader) -> Self {
        Self { networks: networks.into_iter().collect(), header }
    }

    pub(crate) fn header(&self) -> ProxyHeader {
        self.header
    }

    fn trust(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// Whether the networks are none, so that nobody is believed.
    pub(crate) fn are_none(&self) -> bool {
        self.networks.is_empty()
    }

    /// The client of a request from `peer` with these lines of the header, in their order.
    ///
    /// What stands to the left of a trusted proxy's own entry was written by others, and no byte of it may change how
    /// that entry is read. So a line is cut at every comma, also at those within quotes: an entry that has one in its
    /// quotes names no address then, which ends the search.
    pub(crate) fn client<'a>(
        &self,
        peer: IpAddr,
        lines: impl DoubleEndedIterator<Item = &'a [u8]>,
    ) -> IpAddr {
        let mut address = peer.to_canonical();
        if !self.trust(address) {
            return address;
        }
        for element in lines.rev().flat_map(|line| line.rsplit(|byte| *byte == b',')) {
            let Ok(element) = str::from_utf8(element) else { return address };
            let element = element.trim();
            if element.is_empty() {
                continue;
            }
            let told = match self.header {
                ProxyHeader::XForwardedFor => node(element),
                ProxyHeader::Forwarded => forwarded_for(element),
            };
            // What names no address ends it: all that is known is the proxy.
            let Some(told) = told else { return address };
            address = told.to_canonical();
            if !self.trust(address) {
                return address;
            }
        }
        address
    }
}

/// The address in the one `for` of an element of `Forwarded` (RFC 7239 §4), each of whose values is a token or a whole
/// quoted string.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut found = None;
    for pair in element.split(';').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=')?;
        let value = value.strip_prefix('"').map_or(Some(value), |value| value.strip_suffix('"'))?;
        if value.contains(['"', '\\']) {
            return None;
        }
        if name.eq_ignore_ascii_case("for") && found.replace(value).is_some() {
            return None;
        }
    }
    node(found?)
}

/// An address, with or without a port, an IPv6 one with or without brackets.
fn node(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address);
    }
    if let Ok(socket) = text.parse::<SocketAddr>() {
        return Some(socket.ip());
    }
    text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn proxies(header: ProxyHeader) -> TrustedProxies {
        TrustedProxies::new(["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap()), header)
    }

    fn client(header: ProxyHeader, peer: &str, lines: &[&str]) -> String {
        proxies(header).client(peer.parse().unwrap(), lines.iter().map(|line| line.as_bytes())).to_string()
    }

    #[test]
    fn nobody_elses_word_is_taken() {
        let lines = ["1.2.3.4"];
        assert_eq!(client(ProxyHeader::XForwardedFor, "203.0.113.9", &lines), "203.0.113.9");
        let nobody = TrustedProxies::default();
        assert_eq!(
            nobody.client("10.0.0.1".parse().unwrap(), lines.iter().map(|line| line.as_bytes())).to_string(),
            "10.0.0.1"
        );
    }

    #[test]
    fn the_header_is_read_from_the_right_as_far_as_proxies_are_trusted() {
        let client = |lines: &[&str]| client(ProxyHeader::XForwardedFor, "10.0.0.1", lines);
        assert_eq!(client(&["203.0.113.9"]), "203.0.113.9");
        assert_eq!(client(&["1.1.1.1, 203.0.113.9"]), "203.0.113.9", "the client wrote the first itself");
        assert_eq!(client(&["1.1.1.1, 203.0.113.9, 10.9.9.9"]), "203.0.113.9");
        assert_eq!(client(&["1.1.1.1", "203.0.113.9,10.9.9.9"]), "203.0.113.9");
        assert_eq!(client(&["10.1.1.1, 10.9.9.9"]), "10.1.1.1", "from inside");
        assert_eq!(client(&[]), "10.0.0.1");
        assert_eq!(client(&["", " , "]), "10.0.0.1");
        assert_eq!(client(&["203.0.113.9, unknown"]), "10.0.0.1", "what names no address ends it");
        assert_eq!(client(&["203.0.113.9:4711"]), "203.0.113.9");
        assert_eq!(client(&["[2001:db8::7]:4711"]), "2001:db8::7");
        assert_eq!(client(&["2001:db8::7, ::ffff:10.0.0.2"]), "2001:db8::7");
    }

    #[test]
    fn forwarded_is_read_with_its_quotes() {
        let client = |lines: &[&str]| client(ProxyHeader::Forwarded, "fd00::1", lines);
        assert_eq!(client(&["for=203.0.113.9;proto=https;by=10.0.0.1"]), "203.0.113.9");
        assert_eq!(client(&[r#"for=1.1.1.1, proto=https; For="[2001:db8::7]:4711""#]), "2001:db8::7");
        assert_eq!(client(&["for=203.0.113.9, for=_hidden"]), "fd00::1");
        assert_eq!(client(&["for=203.0.113.9, proto=https"]), "fd00::1");
        // A proxy that quotes what its client wrote gives no address away, rather than another's.
        for host in ["a,b", "a;for=1.1.1.1", "a;for=1.1.1.1;b", "a, for=1.1.1.1", r#"a\",for=1.1.1.1,x=\""#] {
            for entry in
                [format!(r#"host="{host}";for=203.0.113.9"#), format!(r#"for=203.0.113.9;host="{host}""#)]
            {
                let told = client(&[&entry]);
                assert!(["203.0.113.9", "fd00::1"].contains(&told.as_str()), "{entry}: {told}");
            }
        }
        assert_eq!(client(&["for=1.1.1.1;for=203.0.113.9"]), "fd00::1");
    }

    #[test]
    fn what_a_client_writes_changes_nothing_of_what_its_proxy_does() {
        for left in ["for=6.6.6.6;x=\"", "\"", "for=\"6.6.6.6", "\\\"", "for=6.6.6.6;", "x=\"\\"] {
            for right in ["for=203.0.113.9", "for=\"203.0.113.9:1\""] {
                let told = client(ProxyHeader::Forwarded, "10.0.0.1", &[&format!("{left}, {right}")]);
                assert_eq!(told, "203.0.113.9", "{left}");
            }
        }
        let broken: &[u8] = b"\xff\xfe\", 203.0.113.9";
        let told =
            proxies(ProxyHeader::XForwardedFor).client("10.0.0.1".parse().unwrap(), [broken].into_iter());
        assert_eq!(told.to_string(), "203.0.113.9");
    }

    #[test]
    fn a_customers_addresses_are_one() {
        let network = |text: &str| Network::of(text.parse().unwrap());
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:0:0:2"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_ne!(network("203.0.113.9"), network("203.0.113.8"));
        assert_eq!(network("::ffff:203.0.113.9"), network("203.0.113.9"));
    }

    proptest! {
        #[test]
        fn any_line_is_read_and_the_right_most_honest_hop_counts(line in ".{0,200}", forwarded: bool) {
            let header = if forwarded { ProxyHeader::Forwarded } else { ProxyHeader::XForwardedFor };
            client(header, "10.0.0.1", &[&line]);
            // Whatever the client wrote on the left, the proxy's own entry on the right decides.
            let honest = if forwarded { "for=203.0.113.9" } else { "203.0.113.9" };
            assert_eq!(client(header, "10.0.0.1", &[&format!("{line}, {honest}")]), "203.0.113.9");
            assert_eq!(client(header, "10.0.0.1", &[&line, honest]), "203.0.113.9");
        }
    }
}
