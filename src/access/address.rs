//! Addresses: ranges of them, and whose address it is behind proxies.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Code, Error, Result, shorten};

/// A range of IPv4 or IPv6 addresses, such as `192.0.2.0/24`, `2001:db8::/32`, or one address such as `127.0.0.1`.
///
/// An IPv4 address written as IPv6 (`::ffff:192.0.2.7`, as sockets that take both tell it) is the IPv4 address, in ranges
/// as in what is compared with them. Otherwise no IPv6 range has IPv4 addresses in it: `0.0.0.0/0` and `::/0` together are
/// all addresses.
///
/// ```
/// use renkei::AddressRange;
///
/// let office: AddressRange = "192.0.2.0/24".parse()?;
/// assert!(office.contains("192.0.2.200".parse().unwrap()));
/// assert!(office.contains("::ffff:192.0.2.200".parse().unwrap()));
/// assert!(!office.contains("192.0.3.1".parse().unwrap()));
/// assert!("192.0.2.1/24".parse::<AddressRange>().is_err());
/// # Ok::<(), renkei::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddressRange {
    first: IpAddr,
    prefix: u8,
}

/// An address as a number of 128 bits, of which an IPv4 address has the first 32.
fn bits(address: IpAddr) -> (bool, u128) {
    match address {
        IpAddr::V4(address) => (true, u128::from(address.to_bits()) << 96),
        IpAddr::V6(address) => (false, address.to_bits()),
    }
}

fn mask(prefix: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(prefix.min(128))).unwrap_or(0)
}

impl AddressRange {
    /// The addresses whose first `prefix` bits are those of `first`, of which the other bits must be 0.
    ///
    /// # Errors
    ///
    /// [`Code::Argument`] when the prefix is too long, or other bits are not 0.
    pub fn new(first: IpAddr, prefix: u8) -> Result<AddressRange> {
        let refusal = |rule: String| Err(Error::new(Code::Argument).with_rule(rule));
        let given = format!("{first}/{prefix}");
        let (first, prefix) = match first {
            IpAddr::V6(six) => match six.to_ipv4_mapped() {
                Some(four) if prefix >= 96 => (IpAddr::V4(four), prefix.saturating_sub(96)),
                _ => (first, prefix),
            },
            IpAddr::V4(_) => (first, prefix),
        };
        let (is_four, number) = bits(first);
        let longest = if is_four { 32 } else { 128 };
        if prefix > longest {
            return refusal(format!("{given}: the prefix is longer than the address"));
        }
        if number & !mask(prefix) != 0 {
            let meant = number & mask(prefix);
            let meant = match is_four {
                true => IpAddr::V4(Ipv4Addr::from_bits((meant >> 96) as u32)),
                false => IpAddr::V6(Ipv6Addr::from_bits(meant)),
            };
            return refusal(format!("{given} is no range: {meant}/{prefix} is, and {first} is one address of it"));
        }
        Ok(AddressRange { first, prefix })
    }

    /// Whether `address` is in the range.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (is_four, first) = bits(self.first);
        let (other_is_four, other) = bits(address.to_canonical());
        is_four == other_is_four && (first ^ other) & mask(self.prefix) == 0
    }
}

impl From<IpAddr> for AddressRange {
    fn from(address: IpAddr) -> AddressRange {
        let first = address.to_canonical();
        AddressRange { first, prefix: if first.is_ipv4() { 32 } else { 128 } }
    }
}

impl FromStr for AddressRange {
    type Err = Error;

    fn from_str(text: &str) -> Result<AddressRange> {
        let refusal = || {
            let rule = format!("\"{}\" is no range of addresses, such as 192.0.2.0/24 or 2001:db8::/32", shorten(text));
            Error::new(Code::Argument).with_rule(rule)
        };
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| refusal())?;
        match prefix {
            None => Ok(AddressRange::from(address)),
            // Digits alone: no sign, no leading zero that somebody might take for an octal number.
            Some(prefix) => match prefix.parse::<u8>() {
                Ok(number) if number.to_string() == prefix => AddressRange::new(address, number),
                _ => Err(refusal()),
            },
        }
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.first, self.prefix) {
            (IpAddr::V4(first), 32) => write!(f, "{first}"),
            (IpAddr::V6(first), 128) => write!(f, "{first}"),
            (first, prefix) => write!(f, "{first}/{prefix}"),
        }
    }
}

impl fmt::Debug for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for AddressRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AddressRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<AddressRange, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// Whose address it is: that of `peer`, or what trusted proxies say in `X-Forwarded-For`.
///
/// The header is read from its end, which the nearest proxy wrote, and only as long as the word is that of a trusted
/// proxy; what a caller himself wrote into it, further to the front, changes nothing. `None` when a trusted proxy names no
/// address: then nobody knows whose it is, and every allow-list refuses.
///
/// Several header lines are given as one, joined by commas in their order.
///
/// ```
/// use renkei::client_address;
///
/// let proxies = ["127.0.0.1".parse()?, "10.0.0.0/8".parse()?];
/// let local = "127.0.0.1".parse().unwrap();
/// assert_eq!(client_address(local, "198.51.100.1, 203.0.113.9, 10.0.0.7", &proxies), "203.0.113.9".parse().ok());
/// assert_eq!(client_address("203.0.113.9".parse().unwrap(), "127.0.0.1", &proxies), "203.0.113.9".parse().ok());
/// assert_eq!(client_address(local, "", &proxies), Some(local));
/// # Ok::<(), renkei::Error>(())
/// ```
pub fn client_address(peer: IpAddr, forwarded_for: &str, trusted: &[AddressRange]) -> Option<IpAddr> {
    let mut client = peer.to_canonical();
    let is_trusted = |address: IpAddr| trusted.iter().any(|range| range.contains(address));
    if forwarded_for.trim().is_empty() {
        return Some(client);
    }
    for word in forwarded_for.rsplit(',') {
        if !is_trusted(client) {
            break;
        }
        client = forwarded(word.trim())?;
    }
    Some(client)
}

/// An address as proxies write it: alone, with a port, in brackets, in quotes.
fn forwarded(word: &str) -> Option<IpAddr> {
    let word = word.strip_prefix('"').and_then(|word| word.strip_suffix('"')).unwrap_or(word);
    if let Ok(address) = word.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    if let Ok(socket) = word.parse::<std::net::SocketAddr>() {
        return Some(socket.ip().to_canonical());
    }
    let inner = word.strip_prefix('[')?.strip_suffix(']')?;
    inner.parse::<Ipv6Addr>().ok().map(|address| IpAddr::V6(address).to_canonical())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address() -> impl Strategy<Value = IpAddr> {
        prop_oneof![
            any::<u32>().prop_map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))),
            any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits))),
            any::<u32>().prop_map(|bits| IpAddr::V6(Ipv4Addr::from_bits(bits).to_ipv6_mapped())),
        ]
    }

    /// The bits of an address as it is compared.
    fn digits(address: IpAddr) -> Vec<bool> {
        let bytes = match address.to_canonical() {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        bytes.iter().flat_map(|byte| (0..8).map(move |at| byte & (0x80 >> at) != 0)).collect()
    }

    /// A range around an address.
    fn range() -> impl Strategy<Value = (AddressRange, Vec<bool>)> {
        (address(), 0..=128usize).prop_map(|(address, prefix)| {
            let all = digits(address);
            let prefix = prefix.min(all.len());
            let cut: Vec<u8> = all
                .chunks(8)
                .enumerate()
                .map(|(byte, bits)| {
                    let bit = |(at, bit): (usize, &bool)| u8::from(*bit && byte * 8 + at < prefix) << (7 - at);
                    bits.iter().enumerate().map(bit).sum()
                })
                .collect();
            let first = match <[u8; 4]>::try_from(cut.as_slice()) {
                Ok(four) => IpAddr::from(four),
                Err(_) => IpAddr::from(<[u8; 16]>::try_from(cut.as_slice()).unwrap()),
            };
            (AddressRange::new(first, prefix as u8).unwrap(), all[..prefix].to_vec())
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_range_has_the_addresses_that_begin_like_it((range, start) in range(), other in address(), near in any::<u8>()) {
            // One of the range itself, as it stands and with its last bits turned.
            let flip = |first: IpAddr| match first {
                IpAddr::V4(first) => IpAddr::V4(Ipv4Addr::from_bits(first.to_bits() ^ u32::from(near))),
                IpAddr::V6(first) => IpAddr::V6(Ipv6Addr::from_bits(first.to_bits() ^ u128::from(near) << (near % 100))),
            };
            for address in [other, range.first, flip(range.first)] {
                let same_kind = address.to_canonical().is_ipv4() == range.first.is_ipv4();
                let expected = same_kind && digits(address).starts_with(&start);
                prop_assert_eq!(range.contains(address), expected, "{} in {}", address, range);
            }
        }

        #[test]
        fn ranges_read_back((range, _) in range()) {
            prop_assert_eq!(range.to_string().parse::<AddressRange>().unwrap(), range);
            let json = serde_json::to_string(&range).unwrap();
            prop_assert_eq!(serde_json::from_str::<AddressRange>(&json).unwrap(), range);
        }

        #[test]
        fn no_text_is_too_much(text in "[0-9a-f:./ ]{0,40}|.{0,20}") {
            let _ = text.parse::<AddressRange>();
            let trusted = ["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()];
            let _ = client_address(Ipv4Addr::LOCALHOST.into(), &text, &trusted);
        }

        /// What a caller writes into the header stands before what the proxies add, and changes nothing.
        #[test]
        fn nobody_forges_his_address(
            forged in "[^,]{0,30}(, ?[0-9a-f.:]{0,15}){0,4}",
            caller in address(),
            hops in prop::collection::vec(0..=255u8, 0..4),
        ) {
            let trusted = ["10.0.0.0/8".parse::<AddressRange>().unwrap()];
            prop_assume!(!trusted[0].contains(caller));
            let peer = IpAddr::from([10, 0, 0, 1]);
            let mut header = caller.to_string();
            for hop in hops {
                header.push_str(&format!(", 10.1.2.{hop}"));
            }
            prop_assert_eq!(client_address(peer, &header, &trusted), Some(caller.to_canonical()));
            let header = format!("{forged}, {header}");
            prop_assert_eq!(client_address(peer, &header, &trusted), Some(caller.to_canonical()));
            // And who comes past the proxies is who he is, whatever he says.
            prop_assert_eq!(client_address(caller, &header, &trusted), Some(caller.to_canonical()));
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in [
            "",
            "/",
            "/8",
            "192.0.2.0/",
            "192.0.2.0/33",
            "192.0.2.1/24",
            "192.0.2.0/+8",
            "192.0.2.0/08",
            "192.0.2.0/-1",
            "192.0.2",
            "192.0.2.0/24/8",
            "192.0.02.1",
            " 192.0.2.1",
            "2001:db8::/129",
            "2001:db8::1/32",
            "fe80::1%eth0",
            "localhost",
            "*",
            "192.0.2.0-192.0.2.9",
            "0x7f.0.0.1",
            "::ffff:192.0.2.1/120",
        ] {
            assert_eq!(text.parse::<AddressRange>().unwrap_err().code(), Code::Argument, "{text}");
        }
        let error = "192.0.2.1/24".parse::<AddressRange>().unwrap_err();
        assert!(error.to_string().contains("192.0.2.0/24"), "{error}");
    }

    #[test]
    fn one_address_has_many_spellings() {
        let range = |text: &str| text.parse::<AddressRange>().unwrap();
        assert_eq!(range("::ffff:192.0.2.0/120"), range("192.0.2.0/24"));
        assert_eq!(range("::ffff:192.0.2.7"), range("192.0.2.7/32"));
        assert_eq!(range("::ffff:0:0/96"), range("0.0.0.0/0"));
        assert_eq!(range("2001:db8:0::0/32").to_string(), "2001:db8::/32");
        assert!(!range("::/0").contains("192.0.2.7".parse().unwrap()));
        assert!(range("::ffff:0:0/96").contains("192.0.2.7".parse().unwrap()));
    }

    #[test]
    fn proxies_write_addresses_in_many_ways() {
        let trusted = ["127.0.0.1".parse::<AddressRange>().unwrap()];
        let told = |header: &str| client_address("::ffff:127.0.0.1".parse().unwrap(), header, &trusted);
        for header in
            ["192.0.2.7", " 192.0.2.7 ", "192.0.2.7:4711", "\"192.0.2.7:4711\"", "x,192.0.2.7", "192.0.2.7,127.0.0.1"]
        {
            assert_eq!(told(header), "192.0.2.7".parse().ok(), "{header}");
        }
        for header in ["[2001:db8::7]", "[2001:db8::7]:80", "2001:db8::7", "\"[2001:db8::7]\""] {
            assert_eq!(told(header), "2001:db8::7".parse().ok(), "{header}");
        }
        // A proxy that does not know, and one that is not to be understood: nobody knows.
        for header in ["unknown", "_hidden", "192.0.2.7,", "192.0.2.7 127.0.0.1", "[192.0.2.7]", "for=192.0.2.7", ","] {
            assert_eq!(told(header), None, "{header}");
        }
        assert_eq!(told("  "), "127.0.0.1".parse().ok());
    }
}
