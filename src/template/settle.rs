//! What a place asks of the literal text of a template, and how the values in it are escaped by where they stand.

use super::escape::{Way, percent};
use super::{Part, URL_LENGTH};
use crate::error::{Words, shorten, words};
use crate::template::text::Escape;

/// Values in the path are escaped otherwise than those in the query, and none may stand before the path.
pub(super) fn settle_url(parts: &mut [Part]) -> Result<(), Words> {
    let Some(Part::Text(first)) = parts.first() else {
        return Err(words!("URLはhttp://またはhttps://で始めてください", "a URL begins with http:// or https://"));
    };
    let scheme = first.find("://").filter(|at| matches!(&*first[..*at].to_ascii_lowercase(), "http" | "https"));
    let Some(scheme) = scheme else {
        let shown = shorten(first);
        return Err(words!(
            "「{shown}」がhttp://またはhttps://で始まっていません",
            "\"{shown}\" does not begin with http:// or https://"
        ));
    };
    let behind = &first[scheme + 3..];
    let end = behind.find(['/', '?', '#']);
    if end.is_none() && parts.len() > 1 {
        let ja = "URLのスキーム・ホスト・ポートに値は使用できません";
        return Err(Words::both(ja, "scheme, host and port of a URL cannot come from a value"));
    }
    let authority = &behind[..end.unwrap_or(behind.len())];
    if authority.is_empty() {
        return Err(words!("URLにホストがありません", "the URL names no host"));
    }
    if authority.contains('@') {
        return Err(words!(
            "URLにユーザとパスワードは指定できません（認証の設定を使用してください）",
            "a URL holds no user and password: they belong into the authentication of the setting"
        ));
    }
    let mut literal_from = scheme + 3 + authority.len();
    let mut in_query = false;
    let mut sample = String::new();
    for part in parts {
        match part {
            Part::Text(text) => {
                if let Some(bad) = text.chars().find(|c| c.is_control() || matches!(c, ' ' | '<' | '>' | '"')) {
                    return Err(words!(
                        "URLに文字{bad:?}は使用できません（パーセントエンコードしてください）",
                        "the URL has the character {bad:?}: write it percent-encoded"
                    ));
                }
                if text.contains('#') {
                    return Err(words!(
                        "URLの#以降は送信されません",
                        "the URL has a fragment (#…), which is never sent"
                    ));
                }
                in_query |= text.contains('?');
                // A name of a host is translated when it is looked up; what follows it is sent as it is.
                let (host, rest) = text.split_at(std::mem::take(&mut literal_from));
                let mut kept = host.to_owned();
                for character in rest.chars() {
                    match character.is_ascii() {
                        true => kept.push(character),
                        false => percent(character.encode_utf8(&mut [0; 4]).as_bytes(), &mut kept),
                    }
                }
                sample.push_str(&kept);
                *text = kept;
            }
            Part::Value(placeholder) => {
                placeholder.way = if in_query { Way::Query } else { Way::Path };
                sample.push('x');
            }
            Part::Secret(_, escape) => {
                *escape = Escape::Url;
                sample.push('x');
            }
        }
    }
    if sample.len() > URL_LENGTH {
        return Err(words!("URLが{URL_LENGTH}バイトを超えています", "the URL is longer than {URL_LENGTH} bytes"));
    }
    check_path(&sample)
}

/// Refuses segments that others resolve to somewhere else.
pub(super) fn check_path(url: &str) -> Result<(), Words> {
    let path = url.split('?').next().unwrap_or_default();
    let behind = path.split_once("://").map_or(path, |(_, behind)| behind);
    let dots = |segment: &str| matches!(&*segment.to_ascii_lowercase().replace("%2e", "."), "." | "..");
    match behind.split(['/', '\\']).skip(1).any(dots) {
        true => {
            Err(words!("URLのパスに「.」または「..」があります", "a segment of the path of the URL is \".\" or \"..\""))
        }
        false => Ok(()),
    }
}

/// Values between quotes become the inside of a string, others whole JSON values.
pub(super) fn settle_json(parts: &mut [Part]) -> Result<(), Words> {
    let mut in_string = false;
    let mut sample = String::new();
    for part in parts {
        match part {
            Part::Text(text) => {
                let mut escaped = false;
                for character in text.chars() {
                    match character {
                        _ if escaped => escaped = false,
                        '\\' if in_string => escaped = true,
                        '"' => in_string = !in_string,
                        _ => {}
                    }
                }
                if escaped {
                    return Err(words!("置換項目の直前に\\があります", "a placeholder stands behind a \\"));
                }
                sample.push_str(text);
            }
            // An `x` makes no escape sequence whole, and a lone word no number.
            Part::Value(placeholder) => {
                placeholder.way = if in_string { Way::JsonString } else { Way::JsonValue };
                sample.push_str(if in_string { "x" } else { " null " });
            }
            Part::Secret(_, escape) if in_string => {
                *escape = Escape::Json;
                sample.push('x');
            }
            Part::Secret(name, _) => {
                return Err(words!(
                    "シークレット「{name}」は引用符の中に置いてください",
                    "the secret \"{name}\" must stand between quotes"
                ));
            }
        }
    }
    match serde_json::from_str::<serde::de::IgnoredAny>(&sample) {
        Ok(_) => Ok(()),
        Err(error) => Err(words!("JSONではありません: {error}", "the template is not JSON: {error}")),
    }
}
