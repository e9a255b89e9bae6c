//! A running host, as a process of its own, with a store in a folder of its own.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::raw::{Answer, PATIENCE, Raw, request};

pub const ACCOUNT: &str = "abc1de2";

/// The built example, or another host with the same arguments that `RENKEI_HOST` names: that in C. `cargo test --test …`
/// does not build examples, so it is asked for here.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        if let Some(other) = std::env::var_os("RENKEI_HOST") {
            return other.into();
        }
        let own = std::env::current_exe().unwrap();
        let profile = own.parent().unwrap().parent().unwrap();
        let name = match profile.file_name().unwrap().to_str().unwrap() {
            "debug" => "dev",
            other => other,
        };
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--example", "host", "--profile", name, "--target-dir"])
            .arg(profile.parent().unwrap())
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status()
            .unwrap();
        assert!(built.success());
        profile.join("examples/host")
    })
}

/// The definitions of the tests of the dispatcher, with users, and settings of access.
pub fn blueprint(access: Json) -> String {
    let mut blueprint: Json = serde_json::from_str(include_str!("../webapi/blueprint.json")).unwrap();
    let all = ["view", "register", "update", "delete", "import", "export"];
    blueprint["users"] = json!([
        {"code": "link", "name": "連携用", "rights": {"*": all}},
        {"code": "tanto_a", "name": "担当A", "rights": {"*": all}},
        {"code": "reader", "name": "閲覧者", "rights": {"cases": ["view"]}},
    ]);
    blueprint["access"] = access;
    blueprint.to_string()
}

pub struct Host {
    child: Child,
    pub address: SocketAddr,
    pub token: String,
    folder: tempfile::TempDir,
    /// The program, and what stands before the arguments of all hosts.
    run: Vec<OsString>,
    words: Vec<String>,
}

impl Host {
    /// A host that counts no calls, and lets nobody go by itself while a test waits.
    pub fn start() -> Host {
        Host::with(&["--patience", "600"], json!({"calls_per_minute": null}))
    }

    pub fn with(words: &[&str], access: Json) -> Host {
        Host::run(vec![program().into()], words, access)
    }

    /// A host that is run by this command.
    pub fn run(run: Vec<OsString>, words: &[&str], access: Json) -> Host {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("blueprint.json"), blueprint(access)).unwrap();
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let token = issue(&run, folder.path(), "link");
        let (child, address) = spawn(&run, folder.path(), &words);
        Host { child, address, token, folder, run, words }
    }

    /// Another token.
    pub fn token_of(&self, user: &str) -> String {
        issue(&self.run, self.folder.path(), user)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn store(&self) -> PathBuf {
        self.folder.path().join("store.db")
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for the end of the process.
    pub fn wait(&mut self, time: Duration) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < time, "the host does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Starts it anew, after it has ended.
    pub fn start_again(&mut self) {
        (self.child, self.address) = spawn(&self.run, self.folder.path(), &self.words);
    }

    /// Ends it, and starts it anew with other arguments.
    pub fn start_again_with(&mut self, words: &[&str]) {
        self.signal("TERM");
        assert!(self.wait(PATIENCE).success());
        self.words = words.iter().map(|word| (*word).to_owned()).collect();
        self.start_again();
    }

    pub fn connect(&self) -> Raw {
        Raw::connect(self.address)
    }

    /// A call on a connection of its own.
    pub fn call(&self, function: &str, json: impl AsRef<str>) -> Answer {
        self.send(request(function, &self.token, "Content-Type: application/json\r\n", json.as_ref()))
    }

    /// Sends what a client sends, on a connection of its own.
    pub fn send(&self, bytes: impl AsRef<[u8]>) -> Answer {
        self.connect().send(bytes).answer()
    }

    /// As [`Host::call`], of a call that must succeed.
    pub fn ok(&self, function: &str, json: impl AsRef<str>) -> Json {
        let answer = self.call(function, json);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// As [`Host::call`], of one that must be refused for its parameters or values; the description.
    pub fn refused(&self, function: &str, json: impl AsRef<str>) -> Json {
        let answer = self.call(function, json);
        assert_eq!(answer.status, 400, "{}", answer.text());
        answer.json()["errors"]["description"].clone()
    }

    /// The lines of a CSV file.
    pub fn csv(&self, json: &str) -> Vec<String> {
        let answer = self.call("api/csvexport", json);
        assert!(answer.chunks.is_some(), "{}", answer.text());
        let text = answer.text();
        let text = text.strip_prefix('\u{feff}').expect("a byte order mark");
        text.split_terminator("\r\n").map(str::to_owned).collect()
    }

    /// Registers records in `cases`, of these titles.
    pub fn cases(&self, titles: &[&str]) {
        for title in titles {
            self.ok("apirecord/regist", json!({"dbSchemaId": 100201, "values": {"100304": title}}).to_string());
        }
    }

    pub fn title_of(&self, key: &str) -> String {
        let answer =
            self.ok("apirecord/view", json!({"dbSchemaId": 100201, "keyId": key, "responseType": 1}).to_string());
        answer["items"]["件名"].as_str().unwrap().to_owned()
    }

    /// Polls an import, as clients do, until it is in one of these conditions.
    pub fn wait_for(&self, process: &str, conditions: &[i64]) -> Json {
        let began = Instant::now();
        loop {
            let items =
                self.ok("api/checkcsvimportprocess", format!(r#"{{"processId":"{process}"}}"#))["items"].clone();
            if conditions.contains(&items["nowCondition"].as_i64().unwrap()) {
                return items;
            }
            assert!(began.elapsed() < 4 * PATIENCE, "{items}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// How much memory the process has now, in KiB.
    #[cfg(target_os = "linux")]
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Has the program issue a token, before or while it serves.
fn issue(run: &[OsString], folder: &Path, user: &str) -> String {
    let output = Command::new(&run[0])
        .args(&run[1..])
        .current_dir(folder)
        .args(["--store", "store.db", "--blueprint", "blueprint.json", "--quiet", "--issue-token", user])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn spawn(run: &[OsString], folder: &Path, words: &[String]) -> (Child, SocketAddr) {
    let mut child = Command::new(&run[0])
        .args(&run[1..])
        .current_dir(folder)
        .args(["--store", "store.db", "--blueprint", "blueprint.json", "--quiet", "--account", ACCOUNT])
        .args(["--listen", "127.0.0.1:0"])
        .args(words)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.find(|line| line.as_ref().unwrap().starts_with("serving ")).unwrap().unwrap();
    let address = line.strip_prefix("serving http://").unwrap().split('/').next().unwrap().parse().unwrap();
    (child, address)
}

/// What a program that was run to its end has said; it must have succeeded.
pub fn output_of(command: &mut Command, time: Duration) -> String {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap();
    let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        out.read_to_string(&mut text).map(|_| text)
    });
    let errors = std::thread::spawn(move || {
        let mut text = String::new();
        err.read_to_string(&mut text).map(|_| text)
    });
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if began.elapsed() > time {
            let _ = child.kill();
            panic!("{command:?} does not end");
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let (text, errors) = (reading.join().unwrap().unwrap(), errors.join().unwrap().unwrap());
    assert!(status.success(), "{command:?}: {status}\n{text}\n{errors}");
    text
}
