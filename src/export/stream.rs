//! Exports that are pulled: a reader gives the bytes of the file as fast as it is read.

use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::request::Export;
use super::run::Exported;
use crate::error::{Code, Error, Result};
use crate::store::Store;

/// What waits to be read: so many pieces of so many bytes at most.
const PIECES: usize = 2;
const PIECE: usize = 128 << 10;

enum Message {
    Piece(Vec<u8>),
    End(Exported),
    Failed(Error),
}

/// An export that is read instead of written; made by [`Store::export_stream`].
///
/// It is made on a thread of its own, which waits when nobody reads, and ends when this value is dropped. Until then it
/// holds on to one moment of the store.
pub struct ExportStream {
    messages: Option<Receiver<Message>>,
    piece: Vec<u8>,
    position: usize,
    exported: Option<Exported>,
    failed: bool,
}

impl Store {
    /// Begins an export whose bytes are read from the value returned. All records are of one moment, and memory does not
    /// grow with their number.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = renkei::Store::create(dir.path().join("s.db"))?;
    /// # use renkei::{Blueprint, Database, Field, Values};
    /// use renkei::Export;
    /// use std::io::Read;
    ///
    /// # let items = Database::new("items", "商品").field(Field::key("code", "品番"));
    /// # store.apply(&Blueprint::new().database(items))?;
    /// # store.records("items").register(&Values::new().set("code", "A-1"))?;
    /// let mut csv = String::new();
    /// let mut stream = store.export_stream(&Export::of("items"))?;
    /// stream.read_to_string(&mut csv)?;
    /// assert_eq!(csv, "品番\r\nA-1\r\n");
    /// assert_eq!(stream.exported().map(|exported| exported.records), Some(1));
    /// # Ok::<(), renkei::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Store::export`], as far as it is known before the first bytes are there; what fails later is the error of a
    /// read, as a [`std::io::Error`] that converts into an [`Error`].
    pub fn export_stream(&self, export: &Export) -> Result<ExportStream> {
        let (sender, messages) = sync_channel(PIECES);
        let (store, export) = (self.clone(), export.clone());
        std::thread::Builder::new().name("renkei-export-stream".to_owned()).spawn(move || {
            let last = match store.export(&export, Pieces(&sender)) {
                Ok(exported) => Message::End(exported),
                Err(error) => Message::Failed(error),
            };
            // Nobody receives any more when the stream was dropped.
            let _ = sender.send(last);
        })?;
        let mut stream =
            ExportStream { messages: Some(messages), piece: Vec::new(), position: 0, exported: None, failed: false };
        stream.next_piece()?;
        Ok(stream)
    }
}

impl ExportStream {
    /// What was exported, once everything was read.
    pub fn exported(&self) -> Option<&Exported> {
        self.exported.as_ref()
    }

    /// Waits for the next piece; none follows when `messages` is gone.
    fn next_piece(&mut self) -> Result<()> {
        self.position = 0;
        self.piece.clear();
        let Some(messages) = &self.messages else { return Ok(()) };
        let message = messages.recv().unwrap_or_else(|_| {
            Message::Failed(Error::new(Code::Internal).with_rule("the thread of the export is gone"))
        });
        match message {
            Message::Piece(piece) => self.piece = piece,
            Message::End(exported) => {
                self.exported = Some(exported);
                self.messages = None;
            }
            Message::Failed(error) => {
                self.messages = None;
                self.failed = true;
                return Err(error);
            }
        }
        Ok(())
    }
}

impl Read for ExportStream {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.position == self.piece.len() {
            // Not the end: whoever reads on after an error must not take a part for the whole.
            if self.failed {
                return Err(io::Error::other(Error::new(Code::Internal).with_rule("the export has failed before")));
            }
            if self.messages.is_none() {
                return Ok(0);
            }
            self.next_piece().map_err(io::Error::other)?;
        }
        let rest = &self.piece[self.position..];
        let count = rest.len().min(out.len());
        out[..count].copy_from_slice(&rest[..count]);
        self.position += count;
        Ok(count)
    }
}

impl std::fmt::Debug for ExportStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExportStream").field("exported", &self.exported).finish_non_exhaustive()
    }
}

/// Hands over what is written, in pieces of bounded size.
struct Pieces<'a>(&'a SyncSender<Message>);

impl Write for Pieces<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = &bytes[..bytes.len().min(PIECE)];
        self.0.send(Message::Piece(piece.to_vec())).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
