//! A mail as bytes (RFC 5322, MIME): ASCII throughout, so that every server takes it.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::address::Mailbox;
use crate::schema::DateTime;

/// The longest line of a header that has an encoded word, and of a base 64 body.
const LINE: usize = 76;

/// What surrounds the text of an encoded word.
const WORD: usize = "=?UTF-8?B??=".len();

/// What a mail is made of; everything was judged before.
pub(super) struct Parts<'a> {
    pub(super) from: &'a Mailbox,
    pub(super) to: &'a [Mailbox],
    pub(super) cc: &'a [Mailbox],
    pub(super) reply_to: Option<&'a Mailbox>,
    pub(super) subject: &'a str,
    pub(super) text: &'a str,
    pub(super) html: Option<&'a str>,
    pub(super) attachments: &'a [(String, String, Vec<u8>)],
    /// The civil date and time, and how many seconds it is ahead of UTC.
    pub(super) date: (DateTime, i64),
    /// Sixteen random bytes: the message id and the boundaries.
    pub(super) random: u128,
    /// Whether it was written by a program that wants no answer.
    pub(super) is_automatic: bool,
}

/// Writes the mail.
pub(super) fn compose(parts: &Parts<'_>) -> Vec<u8> {
    let mut out = String::with_capacity(4_096);
    let _ = write!(out, "Date: {}\r\n", date(parts.date.0, parts.date.1));
    mailboxes(&mut out, "From", std::slice::from_ref(parts.from));
    mailboxes(&mut out, "To", parts.to);
    mailboxes(&mut out, "Cc", parts.cc);
    if let Some(reply_to) = parts.reply_to {
        mailboxes(&mut out, "Reply-To", std::slice::from_ref(reply_to));
    }
    let line = out.len();
    out.push_str("Subject: ");
    words(&mut out, line, parts.subject);
    let _ = write!(out, "\r\nMessage-ID: <{:032x}@{}>\r\n", parts.random, parts.from.domain());
    if parts.is_automatic {
        out.push_str("Auto-Submitted: auto-generated\r\n");
    }
    out.push_str("MIME-Version: 1.0\r\n");
    match parts.attachments.is_empty() {
        true => body(&mut out, parts),
        false => {
            let boundary = format!("mixed-{:032x}", parts.random);
            let _ = write!(out, "Content-Type: multipart/mixed; boundary=\"{boundary}\"\r\n\r\n--{boundary}\r\n");
            body(&mut out, parts);
            for (name, content_type, bytes) in parts.attachments {
                let _ =
                    write!(out, "\r\n--{boundary}\r\nContent-Type: {content_type}\r\nContent-Disposition: attachment");
                file_name(&mut out, name);
                out.push_str("\r\nContent-Transfer-Encoding: base64\r\n\r\n");
                base64_lines(&mut out, bytes);
            }
            let _ = write!(out, "\r\n--{boundary}--\r\n");
        }
    }
    out.into_bytes()
}

/// The text, and the same as HTML where there is one.
fn body(out: &mut String, parts: &Parts<'_>) {
    let Some(html) = parts.html else { return text(out, "plain", parts.text) };
    let boundary = format!("alternative-{:032x}", parts.random);
    let _ = write!(out, "Content-Type: multipart/alternative; boundary=\"{boundary}\"\r\n\r\n--{boundary}\r\n");
    text(out, "plain", parts.text);
    let _ = write!(out, "\r\n--{boundary}\r\n");
    text(out, "html", html);
    let _ = write!(out, "\r\n--{boundary}--\r\n");
}

fn text(out: &mut String, kind: &str, text: &str) {
    let _ = write!(out, "Content-Type: text/{kind}; charset=UTF-8\r\nContent-Transfer-Encoding: base64\r\n\r\n");
    // Whatever ends its lines, in a mail it is CRLF.
    let text = text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n");
    base64_lines(out, text.as_bytes());
}

fn base64_lines(out: &mut String, bytes: &[u8]) {
    for line in bytes.chunks(LINE / 4 * 3) {
        STANDARD.encode_string(line, out);
        out.push_str("\r\n");
    }
}

fn date(at: DateTime, offset: i64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (date, time) = (at.date(), at.time());
    // The first day of 1970 was a Thursday.
    let day = DAYS[usize::try_from(date.days().rem_euclid(7)).unwrap_or(0)];
    let month = MONTHS[usize::from(date.month().clamp(1, 12)) - 1];
    let (sign, minutes) = (if offset < 0 { '-' } else { '+' }, offset.abs() / 60);
    format!(
        "{day}, {} {month} {:04} {:02}:{:02}:{:02} {sign}{:02}{:02}",
        date.day(),
        date.year(),
        time.hour(),
        time.minute(),
        time.second(),
        minutes / 60,
        minutes % 60
    )
}

/// A header of addresses, one a line; none without any.
fn mailboxes(out: &mut String, header: &str, mailboxes: &[Mailbox]) {
    for (at, mailbox) in mailboxes.iter().enumerate() {
        let line = out.len();
        match at {
            0 => {
                let _ = write!(out, "{header}: ");
            }
            // Behind the comma the header goes on in the next line.
            _ => out.push(' '),
        }
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '_');
        match mailbox.name.as_str() {
            "" => {}
            name if name.chars().all(is_plain) && name.len() <= 60 => {
                let _ = write!(out, "\"{name}\" ");
            }
            name => {
                words(out, line, name);
                out.push(' ');
            }
        }
        if mailbox.name.is_empty() {
            out.push_str(&mailbox.address);
        } else {
            if column(out, line) + mailbox.address.len() + 2 > LINE {
                out.push_str("\r\n ");
            }
            let _ = write!(out, "<{}>", mailbox.address);
        }
        out.push_str(if at + 1 < mailboxes.len() { ",\r\n" } else { "\r\n" });
    }
}

/// How far the last line has come; it begins at `line` at the latest.
fn column(out: &str, line: usize) -> usize {
    let begin = out.rfind('\n').map_or(line, |at| (at + 1).max(line));
    out.len() - begin
}

/// Text of a header, in encoded words (RFC 2047) unless it is short and plain. The header begins at `line`.
fn words(out: &mut String, line: usize, text: &str) {
    let is_plain = text.chars().all(|c| matches!(c, ' '..='~')) && !text.contains("=?") && text == text.trim();
    if is_plain && column(out, line) + text.len() <= LINE {
        out.push_str(text);
        return;
    }
    let mut rest = text;
    loop {
        // Whole characters only: each word is decoded by itself.
        let room = LINE.saturating_sub(column(out, line) + WORD) / 4 * 3;
        let mut end = rest.len().min(room);
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        if end > 0 || rest.is_empty() {
            out.push_str("=?UTF-8?B?");
            STANDARD.encode_string(&rest[..end], out);
            out.push_str("?=");
            rest = &rest[end..];
        }
        if rest.is_empty() {
            return;
        }
        out.push_str("\r\n ");
    }
}

/// The name of a file as a parameter (RFC 2231), in pieces where it is long.
fn file_name(out: &mut String, name: &str) {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.' | '(' | ')');
    if name.chars().all(is_plain) && name.len() <= 50 {
        let _ = write!(out, "; filename=\"{name}\"");
        return;
    }
    let mut pieces = vec![String::new()];
    for byte in name.bytes() {
        let mut encoded = String::new();
        crate::template::percent(&[byte], &mut encoded);
        let last = pieces.len() - 1;
        match pieces[last].len() + encoded.len() > 54 {
            true => pieces.push(encoded),
            false => pieces[last].push_str(&encoded),
        }
    }
    if let [piece] = &pieces[..] {
        let _ = write!(out, ";\r\n filename*=UTF-8''{piece}");
        return;
    }
    for (at, piece) in pieces.iter().enumerate() {
        let charset = if at == 0 { "UTF-8''" } else { "" };
        let _ = write!(out, ";\r\n filename*{at}*={charset}{piece}");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a reader makes of a header in encoded words.
    fn decoded(header: &str) -> String {
        let mut bytes = Vec::new();
        for word in header.split("\r\n ") {
            let word = word.trim_end();
            match word.strip_prefix("=?UTF-8?B?").and_then(|rest| rest.strip_suffix("?=")) {
                Some(word) => {
                    let part = STANDARD.decode(word).unwrap();
                    std::str::from_utf8(&part).unwrap();
                    bytes.extend(part);
                }
                None => bytes.extend(word.as_bytes()),
            }
        }
        String::from_utf8(bytes).unwrap()
    }

    proptest! {
        #[test]
        fn subjects_come_back(subject in "[ -~あ漢𠮷é]{0,120}") {
            let mut out = "Subject: ".to_owned();
            words(&mut out, 0, &subject);
            prop_assert!(out.is_ascii());
            prop_assert!(out.split("\r\n").all(|line| line.len() <= LINE), "{out}");
            prop_assert_eq!(decoded(&out["Subject: ".len()..]), subject);
        }

        #[test]
        fn file_names_fit(name in "[ -~あ漢𠮷]{1,80}") {
            let mut out = "Content-Disposition: attachment".to_owned();
            file_name(&mut out, &name);
            prop_assert!(out.is_ascii() && out.split("\r\n").all(|line| line.len() <= 90), "{out}");
        }
    }

    #[test]
    fn dates() {
        let at = |text: &str| text.parse::<DateTime>().unwrap();
        assert_eq!(date(at("2026-01-31 09:30:00"), 9 * 3_600), "Sat, 31 Jan 2026 09:30:00 +0900");
        assert_eq!(date(at("1970-01-01 00:00:05"), 0), "Thu, 1 Jan 1970 00:00:05 +0000");
        assert_eq!(date(at("2026-11-24 23:00:00"), -12_600), "Tue, 24 Nov 2026 23:00:00 -0330");
    }
}
