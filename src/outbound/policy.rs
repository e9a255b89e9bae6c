//! Which addresses may be called: none that is private or special, unless the operator says so.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::url::Host;
use crate::error::{Code, Error, Result, words};

/// What the operator allows beyond the public internet. Every address that a host name resolves to is judged, at each new
/// connection, and the connection is made to the very address that was judged: a name that resolves to something else
/// the next time gains nothing by it.
///
/// Public addresses are always allowed. Private, local and special ones are refused, and the refusal names the line that
/// would allow them.
///
/// ```
/// use renkei::NetworkPolicy;
///
/// let policy = NetworkPolicy::new().allow("10.1.0.0/16")?.allow("core.office.example")?;
/// assert_eq!(serde_json::to_string(&policy).unwrap(), r#"{"allow":["10.1.0.0/16","core.office.example"]}"#);
/// assert!(NetworkPolicy::new().allow("10.1.0.0/40").is_err());
/// # Ok::<(), renkei::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkPolicy {
    allow: Vec<Allowed>,
    /// The HTTP proxy that connections go through; see [`NetworkPolicy::proxy`].
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy: Option<String>,
}

/// One line of the allow-list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
enum Allowed {
    Range(IpAddr, u8),
    Host(String),
}

impl FromStr for Allowed {
    type Err = String;

    fn from_str(text: &str) -> Result<Allowed, String> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let bare = address.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = bare.parse::<IpAddr>() {
            let most = if address.is_ipv4() { 32 } else { 128 };
            let bits = bits.map_or(Some(most), |bits| bits.parse().ok()).filter(|bits| *bits <= most);
            let bits = bits.ok_or_else(|| format!("\"{text}\" is no range such as 10.0.0.0/8"))?;
            return Ok(Allowed::Range(address, bits));
        }
        match (bits, Host::parse(text)) {
            (None, Ok(Host::Name(name))) => Ok(Allowed::Host(name)),
            _ => Err(format!("\"{text}\" is neither a range such as 10.0.0.0/8 nor a host name")),
        }
    }
}

impl TryFrom<String> for Allowed {
    type Error = String;
    fn try_from(text: String) -> Result<Allowed, String> {
        text.parse()
    }
}

impl From<Allowed> for String {
    fn from(allowed: Allowed) -> String {
        allowed.to_string()
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Allowed::Range(address, bits) => write!(f, "{address}/{bits}"),
            Allowed::Host(name) => f.write_str(name),
        }
    }
}

impl Allowed {
    fn contains(&self, address: IpAddr) -> bool {
        match (self, address) {
            (Allowed::Range(IpAddr::V4(range), bits), IpAddr::V4(address)) => {
                let shift = 32 - u32::from(*bits);
                range.to_bits().checked_shr(shift).unwrap_or(0) == address.to_bits().checked_shr(shift).unwrap_or(0)
            }
            (Allowed::Range(IpAddr::V6(range), bits), IpAddr::V6(address)) => {
                let shift = 128 - u32::from(*bits);
                range.to_bits().checked_shr(shift).unwrap_or(0) == address.to_bits().checked_shr(shift).unwrap_or(0)
            }
            _ => false,
        }
    }
}

impl NetworkPolicy {
    /// Public addresses only.
    pub fn new() -> NetworkPolicy {
        NetworkPolicy::default()
    }

    /// Allows a range such as `10.1.0.0/16`, an address, or whatever a host name resolves to.
    ///
    /// # Errors
    ///
    /// [`Code::Argument`] when it is neither.
    pub fn allow(mut self, line: &str) -> Result<NetworkPolicy> {
        self.allow.push(line.parse().map_err(|rule: String| Error::new(Code::Argument).with_rule(rule))?);
        Ok(self)
    }

    /// Connections are made through an HTTP proxy, such as `http://proxy.office.example:3128`, by `CONNECT`. Names are then
    /// resolved by the proxy, which must judge what they resolve to; addresses written in a URL are still judged here.
    /// Proxies named by environment variables are never used.
    pub fn proxy(mut self, url: impl Into<String>) -> NetworkPolicy {
        self.proxy = Some(url.into());
        self
    }

    #[cfg(feature = "http")]
    pub(crate) fn proxy_url(&self) -> Option<&str> {
        self.proxy.as_deref()
    }

    /// Whether a host may be called at an address. The refusal says what to add.
    pub(crate) fn judge(&self, host: &Host, address: IpAddr) -> Result<()> {
        // An address of IPv4 written as one of IPv6 is the same address.
        let address = address.to_canonical();
        let Some([ja, en]) = special(address) else { return Ok(()) };
        let is_allowed = self.allow.iter().any(|allowed| match (allowed, host) {
            (Allowed::Host(name), Host::Name(host)) => name == host,
            _ => allowed.contains(address),
        });
        if is_allowed {
            return Ok(());
        }
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let line = format!("{address}/{bits}");
        let (shown, rule) = match host {
            Host::Name(name) => {
                let rule = words!(
                    "{ja}です。ネットワークポリシーで「{line}」か「{name}」を許可してください",
                    "{en}; allow \"{line}\" or \"{name}\" in the network policy"
                );
                (format!("{name} ({address})"), rule)
            }
            Host::Address(_) => {
                let rule = words!(
                    "{ja}です。ネットワークポリシーで「{line}」を許可してください",
                    "{en}; allow \"{line}\" in the network policy"
                );
                (address.to_string(), rule)
            }
        };
        Err(Error::new(Code::AddressRefused).with_value(shown).with_rule(rule))
    }
}

/// What is special about an address, in Japanese and English.
type Special = [&'static str; 2];

/// What is special about an address; `None` for one of the public internet.
fn special(address: IpAddr) -> Option<Special> {
    match address {
        IpAddr::V4(address) => special_v4(address),
        IpAddr::V6(address) => special_v6(address),
    }
}

/// The ranges of the IANA registry for special purposes, and what became of others.
const SPECIAL_V4: &[(Ipv4Addr, u8, Special)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8, ["自ネットワーク（0.0.0.0/8）", "\"this network\" (0.0.0.0/8)"]),
    (Ipv4Addr::new(10, 0, 0, 0), 8, ["プライベートネットワーク（10.0.0.0/8）", "a private network (10.0.0.0/8)"]),
    (
        Ipv4Addr::new(100, 64, 0, 0),
        10,
        ["通信事業者の共用アドレス（100.64.0.0/10）", "shared by carriers (100.64.0.0/10)"],
    ),
    (Ipv4Addr::new(127, 0, 0, 0), 8, ["このコンピュータ自身（127.0.0.0/8）", "this machine (127.0.0.0/8)"]),
    (
        Ipv4Addr::new(169, 254, 0, 0),
        16,
        [
            "リンクローカル（169.254.0.0/16、クラウドの認証情報がある場所）",
            "link-local, where clouds keep credentials (169.254.0.0/16)",
        ],
    ),
    (
        Ipv4Addr::new(172, 16, 0, 0),
        12,
        ["プライベートネットワーク（172.16.0.0/12）", "a private network (172.16.0.0/12)"],
    ),
    (Ipv4Addr::new(192, 0, 0, 0), 24, ["プロトコル用の予約（192.0.0.0/24）", "reserved for protocols (192.0.0.0/24)"]),
    (Ipv4Addr::new(192, 0, 2, 0), 24, ["文書用（192.0.2.0/24）", "for documentation (192.0.2.0/24)"]),
    (
        Ipv4Addr::new(192, 31, 196, 0),
        24,
        ["位置を持たないネームサーバ用（192.31.196.0/24）", "for name servers without a place (192.31.196.0/24)"],
    ),
    (
        Ipv4Addr::new(192, 52, 193, 0),
        24,
        ["マルチキャスト中継用（192.52.193.0/24）", "for multicast relays (192.52.193.0/24)"],
    ),
    (Ipv4Addr::new(192, 88, 99, 0), 24, ["6to4の中継（192.88.99.0/24）", "a relay of 6to4 (192.88.99.0/24)"]),
    (
        Ipv4Addr::new(192, 168, 0, 0),
        16,
        ["プライベートネットワーク（192.168.0.0/16）", "a private network (192.168.0.0/16)"],
    ),
    (
        Ipv4Addr::new(192, 175, 48, 0),
        24,
        ["位置を持たないネームサーバ用（192.175.48.0/24）", "for name servers without a place (192.175.48.0/24)"],
    ),
    (
        Ipv4Addr::new(198, 18, 0, 0),
        15,
        ["ネットワークの測定用（198.18.0.0/15）", "for measuring networks (198.18.0.0/15)"],
    ),
    (Ipv4Addr::new(198, 51, 100, 0), 24, ["文書用（198.51.100.0/24）", "for documentation (198.51.100.0/24)"]),
    (Ipv4Addr::new(203, 0, 113, 0), 24, ["文書用（203.0.113.0/24）", "for documentation (203.0.113.0/24)"]),
    (Ipv4Addr::new(224, 0, 0, 0), 4, ["マルチキャスト（224.0.0.0/4）", "multicast (224.0.0.0/4)"]),
    (
        Ipv4Addr::new(240, 0, 0, 0),
        4,
        ["予約またはブロードキャスト（240.0.0.0/4）", "reserved, or broadcast (240.0.0.0/4)"],
    ),
];

fn special_v4(address: Ipv4Addr) -> Option<Special> {
    let found = SPECIAL_V4
        .iter()
        .find(|(range, bits, _)| Allowed::Range(IpAddr::V4(*range), *bits).contains(IpAddr::V4(address)));
    found.map(|(_, _, what)| *what)
}

/// Within the public 2000::/3. What carries an address of IPv4 is judged by that one before.
const SPECIAL_V6: &[(Ipv6Addr, u8, Special)] = &[
    (
        Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0),
        23,
        ["プロトコル用の予約（2001::/23、Teredoなど）", "reserved for protocols, such as Teredo (2001::/23)"],
    ),
    (
        Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0),
        32,
        ["文書用（2001:db8::/32）", "for documentation (2001:db8::/32)"],
    ),
    (
        Ipv6Addr::new(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0),
        48,
        ["位置を持たないネームサーバ用（2620:4f:8000::/48）", "for name servers without a place (2620:4f:8000::/48)"],
    ),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, ["文書用（3fff::/20）", "for documentation (3fff::/20)"]),
];

fn special_v6(address: Ipv6Addr) -> Option<Special> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match (a, b) {
        (0, 0) => match address {
            Ipv6Addr::LOCALHOST => Some(["このコンピュータ自身（::1）", "this machine (::1)"]),
            Ipv6Addr::UNSPECIFIED => Some(["アドレスなし（::）", "no address (::)"]),
            // Mapped addresses come as IPv4; judged again all the same.
            _ if [c, d, e] == [0, 0, 0] && f == 0xffff => special_v4(v4(g, h)),
            _ => Some(["予約（::/32）", "reserved (::/32)"]),
        },
        (0x64, 0xff9b) if [c, d, e, f] == [0, 0, 0, 0] => special_v4(v4(g, h)).map(|_| {
            ["NAT64（64:ff9b::/96）の先のIPv4の特殊アドレス", "a special address of IPv4 behind NAT64 (64:ff9b::/96)"]
        }),
        (0x64, 0xff9b) => Some([
            "NAT64（64:ff9b:1::/48）の先のローカルネットワーク",
            "the local network behind NAT64 (64:ff9b:1::/48)",
        ]),
        (0x2002, _) => special_v4(v4(b, c)).map(|_| {
            ["6to4（2002::/16）の先のIPv4の特殊アドレス", "a special address of IPv4 behind 6to4 (2002::/16)"]
        }),
        (0xfc00..=0xfdff, _) => Some(["プライベートネットワーク（fc00::/7）", "a private network (fc00::/7)"]),
        (0xfe80..=0xfebf, _) => Some(["リンクローカル（fe80::/10）", "link-local (fe80::/10)"]),
        (0xfec0..=0xfeff, _) => Some(["プライベートネットワーク（fec0::/10）", "a private network (fec0::/10)"]),
        (0xff00..=0xffff, _) => Some(["マルチキャスト（ff00::/8）", "multicast (ff00::/8)"]),
        (0x2000..=0x3fff, _) => {
            // Interfaces of ISATAP carry an address of IPv4 behind 0:5efe or 200:5efe.
            if (e & !0x0200) == 0 && f == 0x5efe && special_v4(v4(g, h)).is_some() {
                return Some(["ISATAPの先のIPv4の特殊アドレス", "a special address of IPv4 behind ISATAP"]);
            }
            let found = SPECIAL_V6
                .iter()
                .find(|(range, bits, _)| Allowed::Range(IpAddr::V6(*range), *bits).contains(IpAddr::V6(address)));
            found.map(|(_, _, what)| *what)
        }
        _ => Some([
            "公開インターネットに割り当てられていないアドレス（公開は2000::/3のみ）",
            "not assigned to the public internet (only 2000::/3 is)",
        ]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(policy: &NetworkPolicy, host: &str, address: &str) -> Result<()> {
        policy.judge(&Host::parse(host).unwrap(), address.parse().unwrap())
    }

    #[test]
    fn public_addresses_are_allowed() {
        let policy = NetworkPolicy::new();
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "192.167.255.255",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2400:cb00::1",
            "2001:200::1",
            "64:ff9b::101:101",
            "2002:101:101::1",
            "::ffff:1.1.1.1",
        ] {
            judge(&policy, "h.example", address).unwrap();
        }
    }

    #[test]
    fn special_addresses_are_refused_in_every_spelling() {
        let policy = NetworkPolicy::new();
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:0:a00:1",
            "64:ff9b::a00:1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:a00:1::1",
            "2002:7f00:1::1",
            "2002:c0a8:101::",
            "2400:cb00::5efe:a00:1",
            "2400:cb00::200:5efe:7f00:1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "4000::1",
        ] {
            let error = judge(&policy, "h.example", address).unwrap_err();
            assert_eq!(error.code(), Code::AddressRefused, "{address}");
        }
    }

    #[test]
    fn the_refusal_says_the_line_and_the_line_allows() {
        for (host, address, line) in [
            ("core.example", "10.1.2.3", "10.1.2.3/32"),
            ("core.example", "10.1.2.3", "core.example"),
            ("core.example", "::ffff:10.1.2.3", "10.1.2.3/32"),
            ("10.1.2.3", "10.1.2.3", "10.1.2.3/32"),
            ("[fd00::5]", "fd00::5", "fd00::5/128"),
            ("core.example", "64:ff9b::a00:1", "64:ff9b::a00:1/128"),
        ] {
            let error = judge(&NetworkPolicy::new(), host, address).unwrap_err();
            let said = format!("\"{line}\"");
            assert!(error.to_string().contains(&said), "{error}");
            judge(&NetworkPolicy::new().allow(line).unwrap(), host, address).unwrap();
        }
        let policy = NetworkPolicy::new().allow("10.1.0.0/16").unwrap().allow("0.0.0.0/0").unwrap();
        judge(&policy, "h", "192.168.1.1").unwrap();
        assert!(judge(&policy, "h", "::1").is_err());
        assert!(judge(&NetworkPolicy::new().allow("other.example").unwrap(), "core.example", "10.1.2.3").is_err());
    }

    #[test]
    fn lines_that_are_none_are_refused() {
        for line in ["", "10.0.0.0/33", "::/129", "10.0.0.0/x", "a b", "*.example", "http://h/", "h/8", "1.2.3"] {
            assert!(NetworkPolicy::new().allow(line).is_err(), "{line}");
        }
        assert!(serde_json::from_str::<NetworkPolicy>(r#"{"allow": ["nö nö"]}"#).is_err());
    }
}
