//! Where a generated file is written to: encoded, and no larger than allowed.

use std::io::{self, Write};

use crate::csv::{self, Encoding, LineEnd};
use crate::error::{Code, Error, Result, words};

/// Counts what is written, and refuses more than allowed.
pub(super) struct Bounded<W> {
    out: W,
    pub(super) bytes: u64,
    most: u64,
}

impl<W: Write> Bounded<W> {
    pub(super) fn new(out: W, most: u64) -> Bounded<W> {
        Bounded { out, bytes: 0, most }
    }
}

impl<W: Write> Write for Bounded<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let after = self.bytes.saturating_add(bytes.len() as u64);
        if after > self.most {
            let rule = words!("生成するファイルのバイト数", "bytes of a generated file");
            return Err(io::Error::other(Error::new(Code::LimitPassed).with_rule(rule).with_value(self.most)));
        }
        let written = self.out.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Text on its way into a file.
pub(super) struct Sink<W> {
    out: W,
    encoding: Encoding,
    line_end: LineEnd,
    template: String,
}

impl<W: Write> Sink<W> {
    pub(super) fn new(out: W, encoding: Encoding, line_end: LineEnd, template: &str) -> Sink<W> {
        Sink { out, encoding, line_end, template: template.to_owned() }
    }

    /// Writes a text, whichever line ends it has.
    ///
    /// # Errors
    ///
    /// [`Code::CsvUnmappable`] for a character that the encoding does not have.
    pub(super) fn text(&mut self, text: &str) -> Result<()> {
        for (at, line) in text.split('\n').enumerate() {
            if at > 0 {
                self.out.write_all(match self.line_end {
                    LineEnd::Crlf => b"\r\n",
                    LineEnd::Lf => b"\n",
                })?;
            }
            let bytes = csv::encode(line.strip_suffix('\r').unwrap_or(line), self.encoding).map_err(|bad| {
                Error::new(Code::CsvUnmappable)
                    .with_name(&self.template)
                    .with_value(format!("{bad} U+{:04X}", u32::from(bad)))
                    .with_rule(self.encoding.as_str())
            })?;
            self.out.write_all(&bytes)?;
        }
        Ok(())
    }

    pub(super) fn flush(&mut self) -> Result<()> {
        Ok(self.out.flush()?)
    }
}
