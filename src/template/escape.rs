//! How values are written where they stand, and what may not stand there.

use std::fmt::Write as _;

use super::text::SlottedText;
use super::{Fault, Place, html};
use crate::csv::{self, Encoding};
use crate::error::{Result, Words, words};
use crate::schema::Value;

/// The longest name of a file, in bytes: systems take 255, and often something is appended.
const FILE_NAME: usize = 200;

/// How one value is escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Path,
    Query,
    Form,
    JsonString,
    JsonValue,
    Xml,
    /// The text of an HTML document: line ends become `<br>`.
    Html,
    /// The inside of a quoted attribute, or of a title.
    HtmlInside,
    /// As that, where a link begins.
    HtmlLink,
    Markdown,
    Nothing,
}

/// Writes a text as it may stand, or says why it may not.
pub(super) fn escape_text(text: &str, way: Way, encoding: Encoding, out: &mut SlottedText) -> Result<(), Fault> {
    let mut escaped = String::new();
    match way {
        Way::Path if text.is_empty() => {
            let rule = words!("空のため、URLのパスが変わります", "it is empty, which would change the path of the URL");
            return Err(Fault::Rule(String::new(), rule));
        }
        Way::Path | Way::Query => escaped = percent_encoded(text, encoding)?,
        Way::Form => {
            // What needs no escape in a URL needs none in a form, but for the space.
            escaped = percent_encoded(text, encoding)?.replace("%20", "+");
        }
        Way::JsonString => write_json_inside(text, &mut escaped),
        Way::JsonValue => write_json_text(text, &mut escaped),
        Way::Xml => write_xml(text, &mut escaped)?,
        Way::Html => html::write(text, "<br>\n", &mut escaped),
        Way::HtmlInside => html::write(text, "&#10;", &mut escaped),
        Way::HtmlLink => {
            html::check_link(text).map_err(|rule| Fault::Rule(text.to_owned(), rule))?;
            html::write(text, "&#10;", &mut escaped);
        }
        Way::Markdown => write_markdown(text, &mut escaped),
        Way::Nothing => {
            out.push_str(text);
            return Ok(());
        }
    }
    out.push_str(&escaped);
    Ok(())
}

pub(super) fn percent_encoded(text: &str, encoding: Encoding) -> Result<String, Fault> {
    let mut out = String::with_capacity(text.len() * 3);
    let bytes = csv::encode(text, encoding)
        .map_err(|character| Fault::Rule(text.to_owned(), unmappable(character, encoding)))?;
    percent(&bytes, &mut out);
    Ok(out)
}

/// Judges text that stands as it is.
pub(super) fn check(place: Place, text: &str) -> Result<(), Words> {
    let fault = |bad: char| match bad {
        '\r' | '\n' => words!("改行があります", "it has a line end"),
        '\0' => words!("NUL文字があります", "it has a NUL character"),
        bad if bad.is_control() => {
            let code = u32::from(bad);
            words!("制御文字U+{code:04X}があります", "it has the control character U+{code:04X}")
        }
        bad => words!(
            "ASCIIではない文字{bad:?}があります（|urlを使用するか、ヘッダ以外に置いてください）",
            "it has {bad:?}, which is not ASCII: use |url, or another place than a header"
        ),
    };
    match place {
        Place::Header => text.chars().find(|c| !matches!(c, ' '..='~' | '\t')).map_or(Ok(()), |bad| Err(fault(bad))),
        Place::FileName => text.chars().find(|c| !is_of_file_name(*c)).map_or(Ok(()), |bad| {
            let shown = if bad.is_control() { format!("U+{:04X}", u32::from(bad)) } else { format!("{bad:?}") };
            Err(words!(
                "ファイル名に文字{shown}は使用できません",
                "it has the character {shown}, which the name of a file cannot have"
            ))
        }),
        Place::Line => text.chars().find(|c| c.is_control()).map_or(Ok(()), |bad| Err(fault(bad))),
        _ => Ok(()),
    }
}

/// Whether every system takes the character in the name of a file, and it shows as what it is.
fn is_of_file_name(c: char) -> bool {
    let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !c.is_control()
        && !turns
        && !matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' | '\u{2028}' | '\u{2029}')
}

/// Why a text is no name of a file on some system.
pub(crate) fn file_name_fault(name: &str) -> Option<Words> {
    const DEVICES: &[&str] = &["con", "prn", "aux", "nul"];
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_lowercase();
    let is_port = |stem: &str| {
        let number = stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt"));
        number.is_some_and(|number| number.len() == 1 && number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    match () {
        () if name.trim().is_empty() => Some(words!("ファイル名が空です", "the name of the file is empty")),
        () if name.len() > FILE_NAME => Some(words!(
            "ファイル名が{FILE_NAME}バイトを超えます",
            "the name of the file becomes longer than {FILE_NAME} bytes"
        )),
        () if name.ends_with(['.', ' ']) || name.starts_with(' ') => Some(words!(
            "ファイル名の先頭の空白、末尾の空白と「.」は使用できません",
            "the name of a file does not begin with a space, nor end with a space or a point"
        )),
        () if DEVICES.contains(&&*stem) || is_port(&stem) => {
            Some(words!("「{stem}」はWindowsの装置名です", "\"{stem}\" is a device on Windows"))
        }
        () => None,
    }
}

pub(crate) fn unmappable(character: char, encoding: Encoding) -> Words {
    let (encoding, code) = (encoding.as_str(), u32::from(character));
    words!(
        "文字「{character}」(U+{code:04X})は{encoding}で表現できません",
        "{encoding} cannot express the character {character} U+{code:04X}"
    )
}

/// Appends bytes, all but letters, digits and `-._~` as `%XX`.
pub(crate) fn percent(bytes: &[u8], out: &mut String) {
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(*byte)),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
}

/// A value as JSON, exactly: `12.50` stays `12.50`.
pub(crate) fn write_json(value: &Value, out: &mut String) {
    match value {
        Value::Empty => out.push_str("null"),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::File(id) => out.push_str(&id.to_string()),
        Value::Choices(labels) => {
            out.push('[');
            for (at, label) in labels.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_json_text(label, out);
            }
            out.push(']');
        }
        other => write_json_text(&other.to_text(), out),
    }
}

pub(crate) fn write_json_text(text: &str, out: &mut String) {
    out.push('"');
    write_json_inside(text, out);
    out.push('"');
}

fn write_json_inside(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // The two separators end a line in JavaScript.
            c if c < ' ' || matches!(c, '\u{7f}' | '\u{2028}' | '\u{2029}') => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
}

fn write_xml(text: &str, out: &mut String) -> Result<(), Fault> {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => {
                let _ = write!(out, "&#{};", u32::from(character));
            }
            c if c < ' ' || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                let code = u32::from(c);
                let rule = words!(
                    "XMLで使用できない文字U+{code:04X}があります",
                    "it has the character U+{code:04X}, which XML does not have"
                );
                return Err(Fault::Rule(text.to_owned(), rule));
            }
            c => out.push(c),
        }
    }
    Ok(())
}

/// A value in Markdown (CommonMark with tables): nothing in it marks anything up, and its lines stay lines.
fn write_markdown(text: &str, out: &mut String) {
    let text = text.replace("\r\n", "\n");
    for (at, line) in text.split(['\n', '\r']).enumerate() {
        if at > 0 {
            out.push_str("<br>");
        }
        // What begins a block does so at the beginning of a line only, where the value may stand.
        let digits = line.trim_start().bytes().take_while(u8::is_ascii_digit).count();
        let begins = line.len() - line.trim_start().len();
        for (at, character) in line.char_indices() {
            match character {
                ' ' | '\t' if at < begins => {
                    let _ = write!(out, "&#{};", u32::from(character));
                }
                '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '&' | '|' | '~' => {
                    out.push('\\');
                    out.push(character);
                }
                '#' | '+' | '-' | '=' if at == begins => {
                    out.push('\\');
                    out.push(character);
                }
                '.' | ')' if digits > 0 && at == begins + digits => {
                    out.push('\\');
                    out.push(character);
                }
                _ => out.push(character),
            }
        }
    }
}
