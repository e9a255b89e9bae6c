//! Other processes, and their sudden deaths.
//!
//! The others are this test program itself, started with `child` as its only test and told by the environment what to do.
//! What they say are lines of their output.
#![allow(dead_code, reason = "every test file uses a part of it")]

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use renkei::{Clock, SystemClock, Timestamp};

const TASK: &str = "RENKEI_TEST_TASK";
const STORE: &str = "RENKEI_TEST_STORE";

/// What this process was started for, and on which store; nothing, where the test `child` runs as a test of its own.
pub fn task() -> Option<(String, PathBuf)> {
    Some((std::env::var(TASK).ok()?, PathBuf::from(std::env::var_os(STORE)?)))
}

/// A number that the environment gives.
pub fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    let number = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    Some(number.unwrap_or_else(|_| panic!("{name} is a number, not {text:?}")))
}

/// How often the tests of sudden deaths kill: more where the figures matter.
pub fn kills(normally: u64) -> u64 {
    number("RENKEI_TEST_KILLS").unwrap_or(normally)
}

/// Starts a child with a task on a store.
pub fn start(task: &str, store: &Path, more: &[(&str, String)]) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["child", "--exact", "--nocapture", "--test-threads=1"]).env(TASK, task).env(STORE, store);
    command.envs(more.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// Says a line to the parent. The test harness has begun one of its own, which is ended first.
pub fn say(line: &str) {
    println!("\n{line}");
}

/// A child that is waited for longer than this hangs.
pub const PATIENCE: Duration = Duration::from_secs(600);

/// Waits until a child has said this line, or has ended; the rest of what it says.
pub fn wait_for(child: &mut Child, said: &str) -> BufReader<ChildStdout> {
    let (mut out, said) = (BufReader::new(child.stdout.take().unwrap()), said.to_owned());
    within(PATIENCE, child, move || {
        let mut line = String::new();
        while out.read_line(&mut line).unwrap() > 0 && line.trim_end() != said {
            line.clear();
        }
        out
    })
}

/// Everything that a child has said until its end.
pub fn output(child: Child) -> String {
    output_within(PATIENCE, child)
}

pub fn output_within(patience: Duration, mut child: Child) -> String {
    let mut out = child.stdout.take().unwrap();
    let text = within(patience, &mut child, move || {
        let mut text = String::new();
        out.read_to_string(&mut text).unwrap();
        text
    });
    child.wait().unwrap();
    text
}

/// What is read of a child; one that lets its reader wait for too long is killed, and the test fails instead of hanging.
fn within<T: Send + 'static>(patience: Duration, child: &mut Child, read: impl FnOnce() -> T + Send + 'static) -> T {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || drop(tell.send(read())));
    told.recv_timeout(patience).unwrap_or_else(|error| {
        kill(child);
        panic!("a child was waited for in vain, {patience:?}: {error}")
    })
}

/// Kills a child.
pub fn kill(child: &mut Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Ends this process by SIGKILL, noticed by no destructor.
#[cfg(unix)]
#[allow(unsafe_code, reason = "the system's own functions are taken to be sound")]
pub fn die() -> ! {
    unsafe extern "C" {
        safe fn getpid() -> i32;
        safe fn kill(process: i32, signal: i32) -> i32;
    }
    kill(getpid(), 9);
    loop {
        std::thread::sleep(Duration::from_secs(60));
    }
}

#[cfg(not(unix))]
pub fn die() -> ! {
    std::process::abort()
}

/// A clock that ends the process when it is looked at so often. A store looks at it at every change of state, inside and
/// outside of its transactions.
pub struct DeadlyClock(AtomicU64);

impl DeadlyClock {
    pub fn new(looks: u64) -> DeadlyClock {
        DeadlyClock(AtomicU64::new(looks))
    }
}

impl Clock for DeadlyClock {
    fn now(&self) -> Timestamp {
        if self.0.fetch_sub(1, Ordering::SeqCst) == 1 {
            die();
        }
        SystemClock.now()
    }
}
