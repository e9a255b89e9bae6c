//! What is wrong with a JSON document, in both languages.

use std::fmt::Write as _;

use super::{Code, Error, Words};

impl Error {
    /// A document that is no JSON, or not of the form that was wanted, with the place in it.
    pub(crate) fn json(error: serde_json::Error) -> Error {
        Error::json_as(Code::DefinitionJson, error)
    }

    /// As [`Error::json`], by another code.
    pub(crate) fn json_as(code: Code, error: serde_json::Error) -> Error {
        let (line, column) = (error.line(), error.column());
        let told = Error::new(code).with_rule(json_words(&error));
        let told = if line > 0 { told.at_line(line as u64).at_column(column) } else { told };
        told.with_source(error)
    }
}

/// What is wrong, without the place.
pub(crate) fn json_words(error: &serde_json::Error) -> Words {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let text = text.strip_suffix(&place).unwrap_or(&text);
    match FORMS.iter().find(|(found, ..)| *found == text) {
        Some((_, ja, en)) => Words::both(*ja, *en),
        None => Words::both(japanese(text), text),
    }
}

/// What the reader of one of several things, each with a name, finds wrong: its words name parts of Rust.
const FORMS: &[(&str, &str, &str)] = &[
    (
        "invalid type: unit variant, expected newtype variant",
        "名前だけでなく、{\"名前\": {…}}の形で指定します（既定のままなら{}）",
        "the name alone is not enough: write {\"name\": {…}}, or {\"name\": {}} for the defaults",
    ),
    (
        "invalid type: newtype variant, expected unit variant",
        "{…}ではなく、名前だけを\"…\"で指定します",
        "write the name alone, in quotes",
    ),
    ("invalid type: map, expected unit", "{…}ではなく、名前だけを\"…\"で指定します", "write the name alone, in quotes"),
    (
        "expected map with a single key",
        "メンバーが一つだけのオブジェクトで指定します",
        "write an object with a single member",
    ),
    (
        "invalid value: map, expected map with a single key",
        "メンバーが一つだけのオブジェクトで指定します",
        "write an object with a single member",
    ),
];

/// The message of the JSON reader in Japanese; what is not known stays as it is.
fn japanese(text: &str) -> String {
    // Our own reader of fields says first which field it is about.
    if let Some((code, rest)) = text.strip_prefix("field \"").and_then(|rest| rest.split_once('"')) {
        if let Some((member, fault)) = rest.strip_prefix(", member \"").and_then(|rest| rest.split_once("\": ")) {
            return format!("項目「{code}」の{member}: {}", japanese(fault));
        }
        if let Some(fault) = rest.strip_prefix(": ") {
            return format!("項目「{code}」: {}", japanese(fault));
        }
        if let Some(member) = rest.strip_prefix(" has no \"").and_then(|rest| rest.strip_suffix('"')) {
            return format!("項目「{code}」に{member}がありません");
        }
    }
    if let Some(rest) = text.strip_prefix("a field without a \"code\"") {
        return match rest.strip_prefix(": ") {
            Some(fault) => format!("codeのない項目: {}", japanese(fault)),
            None => "codeのない項目があります".to_owned(),
        };
    }
    for (prefix, what) in [("unknown field `", "という指定はありません"), ("unknown variant `", "という値はありません")]
    {
        if let Some((name, rest)) = text.strip_prefix(prefix).and_then(|rest| rest.split_once('`')) {
            let mut told = format!("{name}{what}");
            if let Some(known) = rest.strip_prefix(", expected ") {
                let known = known.trim_start_matches("one of ").replace('`', "").replace(" or ", ", ");
                let _ = write!(told, "（使えるもの: {known}）");
            }
            return told;
        }
    }
    for (prefix, what) in [("missing field `", "がありません"), ("duplicate field `", "が二度あります")] {
        if let Some(name) = text.strip_prefix(prefix).and_then(|rest| rest.strip_suffix('`')) {
            return format!("{name}{what}");
        }
    }
    for prefix in ["invalid type: ", "invalid value: "] {
        if let Some((found, wanted)) = text.strip_prefix(prefix).and_then(|rest| rest.rsplit_once(", expected ")) {
            return format!("{}ではなく、{}を指定します", found_word(found), wanted_word(wanted));
        }
    }
    let known = match text {
        "expected value" => "値がありません",
        "expected `:`" => "「:」がありません",
        "expected `,` or `]`" => "「,」か「]」がありません",
        "expected `,` or `}`" => "「,」か「}」がありません",
        "expected ident" => "true、false、nullのいずれでもありません",
        "key must be a string" => "メンバーの名前は\"…\"で囲みます",
        "trailing comma" => "最後の「,」が余分です",
        "trailing characters" => "文書の終わりの後に文字があります",
        "invalid number" => "数値の書き方が正しくありません",
        "number out of range" => "数値が大きすぎます",
        "invalid escape" => "「\\」の使い方が正しくありません",
        "recursion limit exceeded" => "入れ子が深すぎます",
        "EOF while parsing a value" => "途中で終わっています（値がありません）",
        "EOF while parsing a string" => "途中で終わっています（文字列が閉じられていません）",
        "EOF while parsing a list" => "途中で終わっています（「]」がありません）",
        "EOF while parsing an object" => "途中で終わっています（「}」がありません）",
        _ if text.starts_with("control character") => "文字列の中に改行などの制御文字があります",
        other => other,
    };
    known.to_owned()
}

fn found_word(found: &str) -> String {
    let (kind, value) = found.split_once(' ').unwrap_or((found, ""));
    let value = value.trim_matches('`');
    match kind {
        "string" => format!("文字列{value}"),
        "integer" => format!("整数{value}"),
        "floating" => format!("小数{}", value.trim_start_matches("point `")),
        "boolean" => value.to_owned(),
        "sequence" => "配列".to_owned(),
        "map" => "オブジェクト".to_owned(),
        _ => found.to_owned(),
    }
}

fn wanted_word(wanted: &str) -> String {
    let known = match wanted {
        "a string" | "string" => "文字列",
        "a boolean" => "trueかfalse",
        "a sequence" => "配列",
        "a map" => "オブジェクト",
        "u8" | "u16" | "u32" | "u64" | "usize" => "0以上の整数",
        "i32" | "i64" => "整数",
        _ if wanted.starts_with("struct ") => "オブジェクト",
        _ if wanted.contains("enum ") => "決まった名前",
        other => other,
    };
    known.to_owned()
}
