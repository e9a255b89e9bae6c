//! What may stand in a message: methods, headers and bodies that cannot be taken for something else on the way.

use serde::{Deserialize, Serialize};

use super::delivery::{Body, Channel, LARGEST_INLINE, NewDelivery};
use super::secret;
use super::url::Url;
use crate::error::{Code, Error, IntoWords, Result, Words, words};
use crate::template::{SecretSlot, SlottedText};

/// Headers as they are kept: a list of names and values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Headers(pub(super) Vec<(String, SlottedText)>);

impl Headers {
    /// Names in lower case.
    pub(super) fn of(headers: &[(String, SlottedText)]) -> Headers {
        Headers(headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect())
    }
}

/// Headers that say how the message is framed, or that the queue itself sets.
const OWN: &[&str] = &[
    "connection",
    "content-length",
    "host",
    "http2-settings",
    "idempotency-key",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
];

fn fault(what: impl IntoWords, rule: Words) -> Error {
    Error::new(Code::DeliveryInvalid).with_value(what).with_rule(rule)
}

fn header() -> Words {
    words!("ヘッダ", "header")
}

fn body() -> Words {
    words!("本文", "body")
}

/// Judges a message before it is frozen. Its URL is judged where it is read.
pub(super) fn check(new: &NewDelivery) -> Result<()> {
    check_method(new)?;
    let start = Url::path_start(new.url.text());
    check_slots(new.url.text().as_bytes(), new.url.slots(), "URL")?;
    if new.url.slots().iter().any(|slot| slot.at < start) {
        return Err(fault(
            "URL",
            words!("シークレットを使えるのはパスとクエリだけです", "a secret may stand in its path and query only"),
        ));
    }
    for (name, value) in &new.headers {
        check_header(name, value.text())?;
        check_slots(value.text().as_bytes(), value.slots(), name)?;
    }
    if let Body::Bytes(bytes, slots) = &new.body {
        if bytes.len() > LARGEST_INLINE {
            let rule = words!(
                "{LARGEST_INLINE}バイトを超える本文は先に保存します（`Store::put_file`）",
                "a body of more than {LARGEST_INLINE} bytes is stored first (`Store::put_file`)"
            );
            return Err(fault(body(), rule));
        }
        check_slots(bytes, slots, body())?;
    }
    Ok(())
}

fn check_method(new: &NewDelivery) -> Result<()> {
    let method = &new.method;
    let what = || words!("メソッド", "method");
    let shown = crate::error::shorten(method);
    if new.channel == Channel::Mail && method.is_empty() {
        return Ok(());
    }
    if method.is_empty() || method.len() > 32 || !method.bytes().all(is_token) {
        return Err(fault(what(), words!("「{shown}」はメソッドではありません", "\"{shown}\" is no method")));
    }
    if matches!(method.as_str(), "CONNECT" | "TRACE") {
        return Err(fault(what(), words!("「{method}」は送信できません", "{method} is not sent")));
    }
    let has_body = !matches!(new.body, Body::Empty);
    if has_body && matches!(method.as_str(), "GET" | "HEAD") {
        return Err(fault(body(), words!("「{method}」に本文はありません", "{method} has none")));
    }
    Ok(())
}

/// Judges a header. A value may be empty.
pub(super) fn check_header(name: &str, value: &str) -> Result<()> {
    if name.is_empty() || name.len() > 256 || !name.bytes().all(is_token) {
        let shown = crate::error::shorten(name).escape_debug().to_string();
        return Err(fault(
            header(),
            words!("「{shown}」はヘッダ名ではありません", "\"{shown}\" is no name of a header"),
        ));
    }
    if OWN.iter().any(|own| name.eq_ignore_ascii_case(own)) {
        return Err(fault(
            header(),
            words!("「{name}」は送信時に自動で設定されます", "\"{name}\" is set by the queue itself"),
        ));
    }
    if value.chars().any(|c| c.is_control() && c != '\t') {
        let rule = words!(
            "「{name}」の値に改行などの制御文字があります",
            "the value of \"{name}\" has a control character, such as a line break"
        );
        return Err(fault(header(), rule));
    }
    if value.len() > 65_536 {
        let rule =
            words!("「{name}」の値が65,536バイトを超えています", "the value of \"{name}\" is longer than 65,536 bytes");
        return Err(fault(header(), rule));
    }
    Ok(())
}

fn check_slots(bytes: &[u8], slots: &[SecretSlot], what: impl IntoWords) -> Result<()> {
    let mut last = 0;
    for slot in slots {
        secret::check_name(&slot.secret)?;
        let is_inside = slot.at >= last && slot.at <= bytes.len();
        // Not between the bytes of a character.
        if !is_inside || bytes.get(slot.at).is_some_and(|byte| byte & 0xc0 == 0x80) {
            return Err(fault(
                what,
                words!(
                    "シークレットの位置が順序どおりでないか、文の外にあります",
                    "the places of secrets are not in order, or not in the text"
                ),
            ));
        }
        last = slot.at;
    }
    Ok(())
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
