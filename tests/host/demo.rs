//! The host without arguments: a demo store, and lines to be pasted into a shell.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value as Json;

use crate::raw::PATIENCE;
use crate::running::{output_of, program};

#[test]
fn the_printed_lines_work() {
    let mut child =
        Command::new(program()).args(["--listen", "127.0.0.1:0", "--quiet"]).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let said: Vec<String> = lines.take_while(|line| !line.starts_with("serving ")).collect();
    let calls: Vec<&String> = said.iter().filter(|line| line.contains("curl ")).collect();
    assert_eq!(calls.len(), 9, "{said:?}");
    let mut script = String::from("exec 2>&1\n");
    for call in calls {
        script.push_str(call);
        script.push('\n');
    }
    let said = std::panic::catch_unwind(|| output_of(Command::new("sh").args(["-e", "-c", &script]), 4 * PATIENCE));
    let _ = child.kill();
    let _ = child.wait();
    let said = said.unwrap();
    let answers: Vec<Json> =
        said.lines().filter(|line| line.starts_with('{')).map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), 8, "{said}");
    assert!(answers.iter().all(|answer| answer["code"] == "200"), "{said}");
    assert_eq!(answers[0]["items"]["都道府県"], "北海道");
    assert_eq!(said.lines().filter(|line| line.contains("\"北海道\",")).count(), 6, "five lines of CSV, and the view");
    assert_eq!(answers[7]["items"]["processId"], answers[5]["processId"]);
}
