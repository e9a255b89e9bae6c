//! Addresses of mail: `a@example.co.jp` or `山田商店 <a@example.co.jp>`.

use crate::error::{Code, Error, Result, Words, words};

/// A name, which may be empty, and an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mailbox {
    pub(super) name: String,
    pub(super) address: String,
}

impl Mailbox {
    /// Reads one.
    pub(super) fn parse(text: &str) -> Result<Mailbox> {
        let refused = |rule: Words| {
            Error::new(Code::MailInvalid).with_value(crate::error::shorten(text).escape_debug()).with_rule(rule)
        };
        if text.chars().any(char::is_control) {
            return Err(refused(words!(
                "メールアドレスに改行などの制御文字は使用できません",
                "an address has no line ends or other control characters"
            )));
        }
        let trimmed = text.trim();
        let (name, address) = match trimmed.strip_suffix('>').and_then(|rest| rest.rsplit_once('<')) {
            Some((name, address)) => (name.trim(), address),
            None => ("", trimmed),
        };
        let name = name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(name);
        let name = name.replace("\\\"", "\"").replace("\\\\", "\\");
        match is_address(address) {
            true => Ok(Mailbox { name, address: address.to_owned() }),
            false => Err(refused(words!(
                "a@example.co.jpや「山田商店 <a@example.co.jp>」のようなメールアドレスではありません",
                "it is no mail address such as a@example.co.jp or 山田商店 <a@example.co.jp>"
            ))),
        }
    }

    /// The domain of the address.
    pub(super) fn domain(&self) -> &str {
        self.address.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

/// Whether an address that a template gave is that of somebody: without a value it is that of nobody.
pub(crate) fn is_somebody(text: &str) -> bool {
    !text.trim().is_empty() && !text.trim().ends_with("<>")
}

/// The address without the name, by which receivers are told apart.
pub(crate) fn bare(text: &str) -> String {
    Mailbox::parse(text).map_or_else(|_| text.to_owned(), |mailbox| mailbox.address)
}

/// What the field type of addresses takes, further narrowed to what needs no quotes in SMTP. Old mobile addresses with
/// two dots in a row or one before the `@` are taken.
pub(super) fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let is_atom = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte);
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    (1..=64).contains(&local.len())
        && local.bytes().all(is_atom)
        && domain.len() <= 253
        && domain.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let parse = |text: &str| Mailbox::parse(text).map(|mailbox| (mailbox.name, mailbox.address));
        let pair = |name: &str, address: &str| (name.to_owned(), address.to_owned());
        assert_eq!(parse("a@example.co.jp").unwrap(), pair("", "a@example.co.jp"));
        assert_eq!(parse(" 山田 商店 <a.b+c@x.test> ").unwrap(), pair("山田 商店", "a.b+c@x.test"));
        assert_eq!(parse("\"Sato, \\\"H\\\"\" <a@localhost>").unwrap(), pair("Sato, \"H\"", "a@localhost"));
        assert_eq!(parse("a..b.@docomo.test").unwrap(), pair("", "a..b.@docomo.test"));
        for bad in [
            "",
            "a",
            "@x.test",
            "a@",
            "a b@x.test",
            "a@x..test",
            "a@-x.test",
            "a@x.test\r\nBcc: b@y.test",
            "x <a@x.test",
            "a@x.test>",
            "a@x.test, b@y.test",
            "あ@x.test",
            "a@日本.test",
        ] {
            assert_eq!(parse(bad).unwrap_err().code(), Code::MailInvalid, "{bad}");
        }
    }
}
