//! A client with nothing between it and the socket.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use crate::running::ACCOUNT;

/// How long a test waits for anything: only a hang is ended by it.
pub const PATIENCE: Duration = Duration::from_secs(120);

pub struct Raw {
    stream: TcpStream,
    /// What was read beyond the last answer.
    read: Vec<u8>,
}

/// An answer as it came.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub status: u16,
    /// The status line and the headers.
    pub head: String,
    /// Without the chunks, if there were any.
    pub body: Vec<u8>,
    pub chunks: Option<usize>,
}

impl Raw {
    pub fn connect(address: SocketAddr) -> Raw {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Raw { stream, read: Vec::new() }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Raw {
        self.stream.write_all(bytes.as_ref()).unwrap();
        self
    }

    /// As [`Raw::send`], to a host that may not listen any more.
    pub fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Sends no more.
    pub fn end(&mut self) -> &mut Raw {
        self.stream.shutdown(Shutdown::Write).unwrap();
        self
    }

    /// Reads more; whether there was more.
    fn fill(&mut self) -> bool {
        let mut buffer = [0; 64 << 10];
        match self.stream.read(&mut buffer) {
            Ok(count) => {
                self.read.extend_from_slice(&buffer[..count]);
                count > 0
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => false,
            Err(error) => panic!("{error} behind {:?}", String::from_utf8_lossy(&self.read)),
        }
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        while self.read.len() < count {
            assert!(self.fill(), "the end in the middle of {:?}", String::from_utf8_lossy(&self.read));
        }
        let rest = self.read.split_off(count);
        std::mem::replace(&mut self.read, rest)
    }

    fn take_line(&mut self, end: &[u8]) -> String {
        loop {
            if let Some(at) = self.read.windows(end.len()).position(|window| window == end) {
                let line = self.take(at + end.len());
                return String::from_utf8(line[..at].to_vec()).unwrap();
            }
            assert!(self.fill(), "the end instead of a line: {:?}", String::from_utf8_lossy(&self.read));
        }
    }

    /// Reads one answer, by its length or its chunks, or to the end of the connection.
    pub fn answer(&mut self) -> Answer {
        let head = self.take_line(b"\r\n\r\n");
        let mut answer =
            Answer { status: head.split(' ').nth(1).unwrap().parse().unwrap(), head, body: Vec::new(), chunks: None };
        if answer.status == 100 {
            return answer;
        }
        if answer.header("transfer-encoding").as_deref() == Some("chunked") {
            let mut chunks = 0;
            loop {
                let size = usize::from_str_radix(&self.take_line(b"\r\n"), 16).unwrap();
                answer.body.extend(self.take(size));
                assert_eq!(self.take_line(b"\r\n"), "");
                if size == 0 {
                    break;
                }
                chunks += 1;
            }
            answer.chunks = Some(chunks);
        } else if let Some(length) = answer.header("content-length") {
            answer.body = self.take(length.parse().unwrap());
        } else {
            answer.body = self.rest();
        }
        answer
    }

    /// Everything up to the end of the connection.
    pub fn rest(&mut self) -> Vec<u8> {
        while self.fill() {}
        std::mem::take(&mut self.read)
    }

    /// Whether the host closes the connection, having sent nothing more, within a time.
    pub fn is_closed_within(&mut self, time: Duration) -> bool {
        let began = Instant::now();
        self.stream.set_read_timeout(Some(time)).unwrap();
        let mut buffer = [0; 1];
        let closed = match self.stream.read(&mut buffer) {
            Ok(0) => true,
            Ok(_) => panic!("something more came"),
            Err(error) => matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe),
        };
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        closed && began.elapsed() <= time
    }

    /// Whether the host says nothing within a time, and does not close.
    pub fn is_silent_for(&mut self, time: Duration) -> bool {
        self.stream.set_read_timeout(Some(time)).unwrap();
        let result = self.stream.read(&mut [0; 1]);
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        matches!(result, Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut))
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<String> {
        self.head.split("\r\n").skip(1).find_map(|line| {
            let (other, value) = line.split_once(": ")?;
            other.eq_ignore_ascii_case(name).then(|| value.to_owned())
        })
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// The envelope, which must be sound and as the host sends all of them.
    pub fn json(&self) -> Json {
        assert_eq!(self.chunks, None, "JSON comes in one piece");
        assert_eq!(self.header("content-type").as_deref(), Some("application/json; charset=utf-8"), "{}", self.head);
        let text = self.text();
        let json: Json = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"));
        assert!(!text.contains(['\r', '\n']), "one line");
        assert_eq!(json["code"], self.status.to_string(), "{text}");
        assert_eq!(json["status"], if self.status == 200 { "success" } else { "error" });
        assert_eq!(json.get("items").is_some(), self.status == 200);
        json
    }

    /// The JSON with the moment of the call taken out, after it was judged.
    pub fn timeless(&self) -> String {
        self.json();
        let text = self.text();
        let at = text.rfind(r#""accessTime":""#).unwrap() + 14;
        let time = &text[at..at + 25];
        let told = jiff::fmt::strtime::parse("%Y-%m-%d %H:%M:%S %z", time).unwrap().to_timestamp().unwrap();
        let age = jiff::Timestamp::now().as_second() - told.as_second();
        assert!((0..600).contains(&age) && time.ends_with(" +0900"), "{time}");
        format!("{}TIME{}", &text[..at], &text[at + 25..])
    }
}

/// The head of a request as curl writes it, without the end.
pub fn head(function: &str, token: &str) -> String {
    format!(
        "POST /{ACCOUNT}/{function}/version/v1 HTTP/1.1\r\nHost: db.example.test\r\nUser-Agent: raw\r\nAccept: */*\r\n\
         X-HD-apitoken: {token}\r\n"
    )
}

/// A request with a body of known length.
pub fn request(function: &str, token: &str, more: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!("{}{more}Content-Length: {}\r\n\r\n", head(function, token), body.len());
    [head.as_bytes(), body].concat()
}
