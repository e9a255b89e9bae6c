//! CSV in and out: dialects, encodings (UTF-8 and cp932), a streaming reader and a streaming writer.
//!
//! The reader parses the *raw* bytes of either encoding and leaves the decoding of cells to `decode`. That is
//! sound because no byte with a meaning in CSV can be the second byte of a cp932 character (see
//! [`Dialect::validate`]), and it makes every offset a place in the original file.

mod dialect;
mod encoding;
mod reader;
mod writer;

pub use dialect::{Dialect, Limits};
pub use encoding::{Detected, Encoding, detect};
pub(crate) use encoding::{decode, encode};
pub(crate) use reader::{Problem, Reader, Record};
pub(crate) use writer::Writer;
pub use writer::{Format, LineEnd, OutputEncoding, Quoting, Unmappable, Unmapped};
