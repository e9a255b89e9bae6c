//! A real mail server: aiosmtpd, started as a child, which tells what it received as Python's email package reads it.
#![allow(dead_code, reason = "every test file uses a part of it")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use renkei::{MailSecurity, MailServer, NetworkPolicy, RetryPlan, Sending, Store, Worker};
use serde_json::Value as Json;

/// A running mail server; ends when dropped.
pub struct Server {
    child: Child,
    _stdin: ChildStdin,
    pub port: u16,
    pub mails: Receiver<Json>,
}

impl Server {
    /// `None` where aiosmtpd is not installed; where tests must not be left out (`CI` is set) that is a failure.
    pub fn start(words: &[&str]) -> Option<Server> {
        let has_it = Command::new("python3").args(["-c", "import aiosmtpd"]).stderr(Stdio::null()).status();
        if !has_it.is_ok_and(|status| status.success()) {
            let message = "aiosmtpd is missing, so mail was not tested: pip install aiosmtpd";
            assert!(std::env::var_os("CI").is_none(), "{message}");
            eprintln!("{message}");
            return None;
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mail_server.py");
        let mut child = Command::new("python3")
            .arg(script)
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let port = first.strip_prefix("port ").unwrap().parse().unwrap();
        let (sender, mails) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = sender.send(serde_json::from_str(&line).unwrap());
            }
        });
        Some(Server { child, _stdin: stdin, port, mails })
    }

    pub fn next(&self) -> Json {
        self.mails.recv_timeout(Duration::from_secs(120)).expect("a mail arrives")
    }

    pub fn nothing_more(&self) {
        if let Ok(mail) = self.mails.recv_timeout(Duration::from_millis(200)) {
            panic!("{mail:#}");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn plain(port: u16) -> MailServer {
    MailServer::new("office", "社内メール", "127.0.0.1", "連携システム <renkei@example.co.jp>")
        .security(MailSecurity::None)
        .at_port(port)
        .sending(Sending { retry: RetryPlan::once(), ..Sending::default() })
}

pub fn work(store: &Store) {
    Worker::new(store).network(NetworkPolicy::new().allow("127.0.0.0/8").unwrap()).run_until_idle().unwrap();
}

pub fn pairs(json: &Json) -> Vec<(String, String)> {
    serde_json::from_value(json.clone()).unwrap()
}

pub fn pair(name: &str, address: &str) -> (String, String) {
    (name.to_owned(), address.to_owned())
}
