//! The body of a CSV push: the CSV in its wrapping, streamed from the export into the store.

use std::io::{self, Write};

use super::setting::{Compiled, CsvBody, CsvPush, PairsAs};
use crate::csv::{self, Encoding};
use crate::error::{Code, Error, Result};
use crate::store::Store;
use crate::template::{SlottedText, percent, unmappable};

/// What is sent around the CSV.
pub(super) struct Envelope {
    pub(super) url: SlottedText,
    /// Names in lower case.
    pub(super) headers: Vec<(String, SlottedText)>,
    before: Vec<u8>,
    behind: Vec<u8>,
    /// Whether the CSV is percent-encoded.
    is_form: bool,
}

impl Envelope {
    /// Puts the values into the templates of a setting.
    pub(super) fn of(
        store: &Store,
        push: &CsvPush,
        compiled: &Compiled,
        call: &[crate::schema::Value],
    ) -> Result<Envelope> {
        let names = &compiled.scope.names;
        let source = compiled.scope.values(None, call);
        let mut url = compiled.url.expand(names, &source)?;
        let mut headers = Vec::new();
        let mut fields = Vec::new();
        for (key, value) in &compiled.pairs {
            let value = value.expand(names, &source)?;
            match push.pairs_as {
                PairsAs::Headers => headers.push((key.to_ascii_lowercase(), value)),
                PairsAs::Form => fields.push((key.as_str(), value.into_parts().0)),
                PairsAs::Query => {
                    let mut head = if url.text().contains('?') { "&" } else { "?" }.to_owned();
                    percent(&text(push, key)?, &mut head);
                    head.push('=');
                    url.push_str(&head);
                    url.append(value);
                }
            }
        }
        let charset = match push.encoding() {
            Encoding::Utf8 => "UTF-8",
            Encoding::Cp932 => "Shift_JIS",
        };
        let csv_type = format!("text/csv; charset={charset}");
        let mut envelope = Envelope { url, headers, before: Vec::new(), behind: Vec::new(), is_form: false };
        let content_type = match &push.body {
            CsvBody::Raw {} => csv_type,
            CsvBody::Multipart { name, .. } => {
                let mut random = [0; 16];
                store.random(&mut random);
                let boundary = format!("renkei-{:032x}", u128::from_be_bytes(random));
                let file_name = match &compiled.file_name {
                    Some(template) => template.expand_plain(names, &source)?,
                    None => String::new(),
                };
                for (key, value) in &fields {
                    let head =
                        format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n", quoted(key));
                    envelope.before.extend_from_slice(head.as_bytes());
                    envelope.before.extend_from_slice(&text(push, value)?);
                    envelope.before.extend_from_slice(b"\r\n");
                }
                let head = format!(
                    "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"; filename=\"{}\"\r\n\
                     Content-Type: {csv_type}\r\n\r\n",
                    quoted(name),
                    quoted(&file_name),
                );
                envelope.before.extend_from_slice(head.as_bytes());
                envelope.behind = format!("\r\n--{boundary}--\r\n").into_bytes();
                format!("multipart/form-data; boundary={boundary}")
            }
            CsvBody::FormField { name } => {
                let mut head = String::new();
                for (key, value) in &fields {
                    form(&text(push, key)?, &mut head);
                    head.push('=');
                    form(&text(push, value)?, &mut head);
                    head.push('&');
                }
                form(&text(push, name)?, &mut head);
                head.push('=');
                envelope.before = head.into_bytes();
                envelope.is_form = true;
                "application/x-www-form-urlencoded".to_owned()
            }
        };
        if envelope.headers.iter().all(|(name, _)| name != "content-type") {
            envelope.headers.push(("content-type".to_owned(), content_type.into()));
        }
        Ok(envelope)
    }

    /// Writes the body: `csv` writes the CSV, the texts of the setting stand directly around it.
    pub(super) fn write<T>(
        &self,
        push: &CsvPush,
        out: &mut impl Write,
        csv: impl FnOnce(&mut dyn Write) -> Result<T>,
    ) -> Result<T> {
        out.write_all(&self.before)?;
        let (header, footer) = (text(push, &push.header)?, text(push, &push.footer)?);
        let inside = |out: &mut dyn Write| {
            out.write_all(&header)?;
            let done = csv(out)?;
            out.write_all(&footer)?;
            Ok::<T, Error>(done)
        };
        let done = match self.is_form {
            true => inside(&mut FormWriter { out: &mut *out, encoded: String::new() })?,
            false => inside(&mut *out)?,
        };
        out.write_all(&self.behind)?;
        Ok(done)
    }
}

/// A text of the setting or of a value in the encoding of the CSV.
fn text<'a>(push: &CsvPush, text: &'a str) -> Result<std::borrow::Cow<'a, [u8]>> {
    csv::encode(text, push.encoding()).map_err(|bad| {
        Error::new(Code::TemplateValue)
            .with_name(&push.code)
            .with_value(text)
            .with_rule(unmappable(bad, push.encoding()))
    })
}

/// A name inside quotes, as browsers write it.
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

/// As a value of a form.
fn form(bytes: &[u8], out: &mut String) {
    for piece in bytes.split_inclusive(|byte| *byte == b' ') {
        match piece.strip_suffix(b" ") {
            Some(word) => {
                percent(word, out);
                out.push('+');
            }
            None => percent(piece, out),
        }
    }
}

/// Writes what it is given as the value of a form.
struct FormWriter<W> {
    out: W,
    encoded: String,
}

impl<W: Write> Write for FormWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.encoded.clear();
        form(bytes, &mut self.encoded);
        self.out.write_all(self.encoded.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
