//! Addresses of receivers: read strictly, Japanese host names included, and never with credentials in them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::error::{Code, Error, Result, Words, words};

/// The longest URL that is sent.
const LONGEST: usize = 16_384;

/// A URL taken apart, as it is sent: the host in ASCII, the path percent-encoded.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    scheme: &'static str,
    host: Host,
    port: u16,
    path: String,
}

/// The host of a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Host {
    /// A name in ASCII, lower case.
    Name(String),
    Address(IpAddr),
}

const SCHEMES: &[(&str, u16)] = &[("http", 80), ("https", 443), ("smtp", 587), ("smtps", 465)];

impl Url {
    /// Reads a URL.
    ///
    /// # Errors
    ///
    /// [`Code::DeliveryInvalid`] for another scheme than those of the channels, for credentials, for hosts that are no
    /// host names, for control characters.
    pub(crate) fn parse(text: &str) -> Result<Url> {
        let at = text.find("://").ok_or_else(|| {
            fault(text, words!("http://またはhttps://で始まっていません", "it does not begin with http:// or https://"))
        })?;
        let known = SCHEMES.iter().find(|(scheme, _)| text[..at].eq_ignore_ascii_case(scheme));
        let Some((scheme, default_port)) = known else {
            return Err(fault(text, words!("送信できるのはhttpとhttpsだけです", "only http and https are sent")));
        };
        if text.len() > LONGEST {
            return Err(fault(text, words!("{LONGEST}バイトを超えています", "it is longer than {LONGEST} bytes")));
        }
        if text.chars().any(char::is_control) {
            return Err(fault(
                text,
                words!("改行などの制御文字があります", "it has a control character, such as a line break"),
            ));
        }
        let rest = &text[at + 3..];
        let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            let rule = words!(
                "認証情報を含めると平文で残ります。`auth`でシークレットを指定してください",
                "it has credentials in it, which would be kept in clear: name them as secrets in `auth`"
            );
            return Err(Error::new(Code::DeliveryInvalid).with_value("URL").with_rule(rule));
        }
        if path.starts_with('\\') {
            return Err(fault(text, words!("バックスラッシュがあります", "it has a backslash")));
        }
        let (host, port) = split_port(authority).ok_or_else(|| {
            fault(text, words!("ポートが1～65535の数ではありません", "its port is no number from 1 to 65535"))
        })?;
        let host = Host::parse(host).map_err(|rule| fault(text, rule))?;
        let path = path.split('#').next().unwrap_or_default();
        let mut encoded = String::with_capacity(path.len() + 1);
        if !path.starts_with('/') {
            encoded.push('/');
        }
        encode_rest(path, &mut encoded);
        Ok(Url { scheme, host, port: port.unwrap_or(*default_port), path: encoded })
    }

    /// Where in the text the path begins: secrets may stand after it, never before.
    pub(crate) fn path_start(text: &str) -> usize {
        let after = text.find("://").map_or(0, |at| at + 3);
        text[after..].find(['/', '?']).map_or(text.len(), |at| after + at)
    }

    /// The scheme: `http`, `https`, `smtp` or `smtps`.
    pub fn scheme(&self) -> &str {
        self.scheme
    }

    /// Whether the connection is secured from its beginning.
    pub fn is_secure(&self) -> bool {
        matches!(self.scheme, "https" | "smtps")
    }

    /// The host in ASCII: a name, or an address, in brackets if it is one of IPv6.
    pub fn host(&self) -> String {
        match &self.host {
            Host::Name(name) => name.clone(),
            Host::Address(IpAddr::V4(address)) => address.to_string(),
            Host::Address(IpAddr::V6(address)) => format!("[{address}]"),
        }
    }

    pub(crate) fn target(&self) -> &Host {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The path and the query, percent-encoded, which may have secrets in them.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Scheme, host and port, such as `https://api.example.com:443`.
    pub fn origin(&self) -> String {
        format!("{}://{}:{}", self.scheme, self.host(), self.port)
    }

    /// Host and port as they stand in a `Host` header and in a request: the port only where it is not the usual one.
    pub fn authority(&self) -> String {
        let usual = SCHEMES.iter().any(|(scheme, port)| *scheme == self.scheme && *port == self.port);
        match usual {
            true => self.host(),
            false => format!("{}:{}", self.host(), self.port),
        }
    }

    /// The whole.
    pub fn full(&self) -> String {
        format!("{}://{}{}", self.scheme, self.authority(), self.path)
    }
}

impl fmt::Debug for Url {
    /// Without the path, which may have secrets in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Url({}/…)", self.origin())
    }
}

fn fault(text: &str, rule: Words) -> Error {
    let shown = crate::error::shorten(text);
    let rule = words!("「{shown}」{rule}", "\"{shown}\": {rule}"; rule);
    Error::new(Code::DeliveryInvalid).with_value("URL").with_rule(rule)
}

/// The outer `None` is a port that is none.
fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let colon = match authority.rfind(']') {
        Some(bracket) => authority[bracket..].find(':').map(|at| bracket + at),
        None => authority.rfind(':'),
    };
    match colon {
        None => Some((authority, None)),
        Some(at) if at + 1 == authority.len() => Some((&authority[..at], None)),
        Some(at) => {
            let digits = &authority[at + 1..];
            let port = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()?;
            (port != 0).then_some((&authority[..at], Some(port)))
        }
    }
}

impl Host {
    /// Reads a host as it stands in a URL.
    pub(crate) fn parse(text: &str) -> Result<Host, Words> {
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner.strip_suffix(']').ok_or_else(|| {
                words!("ホストの[が閉じられていません", "its host has a bracket that is never closed")
            })?;
            let address: Ipv6Addr = inner
                .parse()
                .map_err(|_| words!("[{inner}]はIPv6アドレスではありません", "[{inner}] is no IPv6 address"))?;
            return Ok(Host::Address(IpAddr::V6(address)));
        }
        let name = ascii(text)?;
        let name = name.strip_suffix('.').unwrap_or(&name);
        if let Ok(address) = name.parse::<Ipv4Addr>() {
            return Ok(Host::Address(IpAddr::V4(address)));
        }
        let last = name.rsplit('.').next().unwrap_or_default();
        // Some systems read 0x7f.1 or 2130706433 as an address, others as a name.
        if !last.is_empty() && (last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x")) {
            return Err(words!(
                "「{name}」はホスト名でもアドレス（192.0.2.1など）でもありません",
                "\"{name}\" is neither a host name nor an address such as 192.0.2.1"
            ));
        }
        let is_good = !name.is_empty()
            && name.len() <= 253
            && name.split('.').all(|label| !label.is_empty() && label.len() <= 63)
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
        match is_good {
            true => Ok(Host::Name(name.to_owned())),
            false => Err(words!("「{name}」はホスト名ではありません", "\"{name}\" is no host name")),
        }
    }
}

#[cfg(feature = "http")]
fn ascii(text: &str) -> Result<String, Words> {
    if text.is_ascii() {
        return Ok(text.to_ascii_lowercase());
    }
    match idna::domain_to_ascii(text) {
        Ok(name) => Ok(name),
        Err(_) => Err(words!("「{text}」はホスト名ではありません", "\"{text}\" is no host name")),
    }
}

#[cfg(not(feature = "http"))]
fn ascii(text: &str) -> Result<String, Words> {
    match text.is_ascii() {
        true => Ok(text.to_ascii_lowercase()),
        false => Err(words!(
            "「{text}」のようなASCII以外のホスト名には機能`http`が必要です",
            "\"{text}\" is not ASCII: the feature `http` is needed for such host names"
        )),
    }
}

/// Percent-encodes what may not stand in a path or query; what is encoded already stays.
fn encode_rest(text: &str, out: &mut String) {
    use fmt::Write as _;

    for byte in text.bytes() {
        let stays = byte.is_ascii_graphic()
            && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' | b'#');
        match stays {
            true => out.push(char::from(byte)),
            false => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let url = Url::parse("HTTPS://API.Example.com/a b/日本?q=é&x=%20#top").unwrap();
        assert_eq!(url.origin(), "https://api.example.com:443");
        assert_eq!(url.path(), "/a%20b/%E6%97%A5%E6%9C%AC?q=%C3%A9&x=%20");
        assert_eq!(url.full(), "https://api.example.com/a%20b/%E6%97%A5%E6%9C%AC?q=%C3%A9&x=%20");
        assert_eq!(Url::parse("http://[2001:DB8::1]:8080?x").unwrap().full(), "http://[2001:db8::1]:8080/?x");
        assert_eq!(Url::parse("http://h:80").unwrap().authority(), "h");
        assert_eq!(Url::parse("http://my_host.:81/").unwrap().authority(), "my_host:81");
        assert_eq!(format!("{:?}", Url::parse("http://h/secret").unwrap()), "Url(http://h:80/…)");
    }

    #[cfg(feature = "http")]
    #[test]
    fn japanese_host_names_become_ascii() {
        let url = Url::parse("https://日本語。ＪＰ/道").unwrap();
        assert_eq!(url.host(), "xn--wgv71a119e.jp");
        assert_eq!(Url::parse("http://１２７．０．０．１/").unwrap().host(), "127.0.0.1");
    }

    #[test]
    fn what_is_no_address_of_a_receiver_is_refused() {
        for text in [
            "ftp://h/",
            "file:///etc/passwd",
            "h/path",
            "http://",
            "http:///p",
            "http://user:pass@h/",
            "http://h@evil/",
            "http://h:0/",
            "http://h:99999/",
            "http://h:+80/",
            "http://h\r\nx: y/",
            "http://h/\0",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://0x7f000001/",
            "http://127.1/",
            "http://1.2.3.4.5/",
            "http://a..b/",
            "http://[::1/",
            "http://[fe80::1%25eth0]/",
            "http://h\\@evil/",
            "http://a b/",
        ] {
            let error = Url::parse(text).unwrap_err();
            assert_eq!(error.code(), Code::DeliveryInvalid, "{text}");
        }
        let credentials = Url::parse("https://user:pa55word@h/").unwrap_err();
        assert!(!credentials.to_string().contains("pa55word"), "{credentials}");
    }
}
