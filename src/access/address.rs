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
