//! Files that are broken, hostile or out of bounds: a clear refusal, nothing lost, nothing half-written, memory flat.

mod common_import;

use std::io::Read;
use std::time::Duration;

use common_import::*;
use renkei::{Blueprint, Code, ImportMode, ImportRequest, ImportSetting, JobState, Limits, Store, Worker};

fn own() -> ImportSetting {
    setting("customers", ImportMode::Upsert, &["number", "name", "amount", "joined"])
}

fn two() -> ImportSetting {
    setting("customers", ImportMode::Upsert, &["number", "name"])
}

const HEADER: &str = "h,h,h,h\n";

#[test]
fn empty_files_and_headers_alone() {
    let fixture = Fixture::new();
    let bom = b"\xEF\xBB\xBF";
    for bytes in [&b""[..], bom, b"\n\r\n\n", &[&bom[..], b"\n"].concat()] {
        for own in [own(), own().by_header(), own().atomic()] {
            fixture.import(own, bytes).failed("csv.empty");
        }
    }
    for bytes in [HEADER.trim_end(), HEADER, "h,h,h,h\r\n\r\n"] {
        fixture.import(own(), bytes).completed([0; 6]);
        fixture.import(own().atomic(), bytes).completed([0; 6]);
    }
    fixture.import(own().first_line(1), b"").failed("csv.empty");
    fixture.import(own().first_line(1), bom).completed([0; 6]);
}

#[test]
fn line_ends_of_every_kind() {
    let fixture = Fixture::new();
    fixture.import(two(), "a,b\r1,佐藤\r2,鈴木").completed([2, 0, 0, 0, 0, 0]);
    fixture.import(two(), "a,b\r\n1,佐藤\r2,鈴木\n\r3,\"高\"\r\r\n4,\r").completed([1, 0, 2, 1, 0, 0]);
    let mut with_memo = setting("customers", ImportMode::Upsert, &["number", "name", "memo"]);
    with_memo.first_line = 1;
    let done = fixture.import(with_memo, "5,佐藤,\"a\r\nb\rc\nd\"\r6,\r,x").completed([1, 0, 0, 2, 0, 0]);
    assert_eq!(done.rejects()[0].line, 5);
    assert_eq!(fixture.store.records("customers").view("5").unwrap().text("memo"), "a\r\nb\rc\nd");
}

#[test]
fn lines_of_the_wrong_width_and_open_quotes() {
    let fixture = Fixture::new();
    let text = "h,h\n1\n2,a\n3,a,b\n\"4\"x,b\n5,\"a\"\"\n6,a\n7,a\n";
    let done = fixture.import(two(), text).completed([2, 0, 0, 3, 0, 0]);
    let codes: Vec<_> = done.rejects().into_iter().map(|reject| (reject.line, reject.code, reject.offset)).collect();
    assert_eq!(
        codes,
        [
            (2, "csv.columns".to_owned(), 4),
            (4, "csv.columns".to_owned(), 10),
            (6, "csv.quote".to_owned(), text.find("5,").unwrap() as u64)
        ]
    );
    assert!(done.rejects()[0].message_en.contains("1 columns where 2"), "{:?}", done.rejects()[0]);
    fixture.import(two(), "h,\"h\n1,a\n").failed("csv.quote");
}

#[test]
fn nul_bytes_are_refused_cell_by_cell() {
    let fixture = Fixture::new();
    let done = fixture
        .import(own(), format!("{HEADER}1,佐\0藤,,\n2\0,鈴木,,\n3,高橋,\0,\n4,田中,,\n"))
        .completed([1, 0, 0, 3, 0, 0]);
    let faults = done.faults();
    assert_eq!(faults[0], (2, Some(2), "value.text.nul".to_owned()));
    assert_eq!((faults[1].0, faults[1].1), (3, Some(1)));
    assert_eq!(faults[2], (4, Some(3), "value.number".to_owned()));
    // A file of nothing but NUL bytes, as a crash of another system leaves behind.
    fixture.import(own(), vec![0u8; 100_000]).failed("csv.header");
}

#[test]
fn numbers_and_dates_that_are_none() {
    let fixture = Fixture::new();
    let numbers = [
        ("１２", "value.number"),
        ("1e400", "value.number"),
        ("-", "value.number"),
        ("1,000", "value.number"),
        (" 1", "value.number"),
        ("NaN", "value.number"),
        ("0x10", "value.number"),
        ("1.234", "value.number.scale"),
        ("9999999999999999999", "value.number.digits"),
        ("-99999999999999999999999999999999999999999", "value.number.digits"),
        ("1000000000000000000", "value.number.digits"),
    ];
    for (text, code) in numbers {
        let done = fixture.import(own(), format!("{HEADER}1,a,\"{text}\",\n")).completed([0, 0, 0, 1, 0, 0]);
        assert_eq!(done.faults(), [(2, Some(3), code.to_owned())], "{text}");
        assert_eq!(done.rejects()[0].value, text);
    }
    for text in ["2026/02/30", "2026-13-01", "0000-01-01", "20260132", "昨日", "2026-1-1-1"] {
        let done = fixture.import(own(), format!("{HEADER}1,a,,\"{text}\"\n")).completed([0, 0, 0, 1, 0, 0]);
        assert!(done.faults()[0].2.starts_with("value.date"), "{text}: {:?}", done.faults());
    }
    fixture
        .import(own(), format!("{HEADER}1,a,-0,2024/02/29\n2,b,9999999999999999.99,9999-12-31\n3,c,0.00,\n"))
        .completed([3, 0, 0, 0, 0, 0]);
    assert_eq!(
        table(&fixture.store, "customers", "number", &["amount", "joined"]),
        ["1 0.00 2024-02-29", "2 9999999999999999.99 9999-12-31", "3 0.00 "]
    );
}

#[test]
fn ten_thousand_columns() {
    let fixture = Fixture::new();
    let wide = vec!["x"; 10_000].join(",");
    let done = fixture.import(two(), format!("{wide}\n1,a\n")).failed("csv.columns.many");
    assert!(done.message().contains("2000"), "{}", done.message());
    let done = fixture.import(two(), format!("h,h\n1,a\n{wide}\n2,b\n")).completed([2, 0, 0, 1, 0, 0]);
    assert_eq!(done.faults(), [(3, None, "csv.columns.many".to_owned())]);
    let mut limits = Limits::default();
    limits.csv_columns = 10_000;
    let fixture = Fixture::with(limits);
    let done = fixture.import(two(), format!("{wide}\n1,a\n")).failed("csv.header");
    assert!(done.message().len() < 2_000, "{}", done.message());
    let mut only_two = two().by_header();
    only_two.extra_columns = true;
    let names: Vec<String> = (0..9_998).map(|at| format!("c{at}")).collect();
    let text = format!("{},顧客名,顧客番号\n{}佐藤,1\n", names.join(","), ",".repeat(9_998));
    fixture.import(only_two, text).completed([1, 0, 0, 0, 0, 0]);
}

#[test]
fn text_is_kept_byte_for_byte() {
    let fixture = Fixture::new();
    let texts =
        [" 前後 ", "0012", "=1+1", "'; DROP TABLE customers; --", "😀👨‍👩‍👧", "e\u{301}", "\t", "a\u{200B}", "NULL", "\\N"];
    let mut text = "h,h\n".to_owned();
    for (number, value) in texts.iter().enumerate() {
        text.push_str(&format!("{number},\"{value}\"\n"));
    }
    fixture.import(two(), text).completed([texts.len() as u64, 0, 0, 0, 0, 0]);
    for (number, value) in texts.iter().enumerate() {
        assert_eq!(fixture.store.records("customers").view(number.to_string()).unwrap().text("name"), *value);
    }
}

/// A file of one giant cell between good lines, made as it is read.
struct Giant {
    at: u64,
    cell: u64,
}

const BEFORE: &[u8] = b"h,h\n1,a\n2,\"";
const AFTER: &[u8] = b"\"\n3,b\n";

impl Read for Giant {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let total = BEFORE.len() as u64 + self.cell + AFTER.len() as u64;
        let count = out.len().min(usize::try_from(total - self.at).unwrap());
        for byte in &mut out[..count] {
            let at = self.at;
            *byte = match usize::try_from(at).unwrap() {
                here if here < BEFORE.len() => BEFORE[here],
                _ if at < BEFORE.len() as u64 + self.cell => b'x',
                _ => AFTER[usize::try_from(at - BEFORE.len() as u64 - self.cell).unwrap()],
            };
            self.at += 1;
        }
        Ok(count)
    }
}

/// The greatest memory that this process has had, where the system tells.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[test]
fn a_giant_cell_is_refused_in_flat_memory() {
    // In a process of its own, so that the memory of other tests does not count.
    if std::env::var_os("RENKEI_TEST_GIANT").is_none() {
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_giant_cell_is_refused_in_flat_memory", "--nocapture"])
            .env("RENKEI_TEST_GIANT", "1")
            .status()
            .unwrap();
        assert!(status.success());
        return;
    }
    let fixture = Fixture::new();
    let mut wide = setting("customers", ImportMode::Upsert, &["number", "name", "memo"]).first_line(1);
    wide.code = "wide".to_owned();
    fixture
        .store
        .apply(
            &Blueprint::new()
                .import(wide)
                .import(two())
                .import(ImportSetting { code: "atomic".to_owned(), ..two().atomic() }),
        )
        .unwrap();
    let cell = 300 << 20;
    let upload = fixture.store.upload("giant.csv", Giant { at: 0, cell }).unwrap();
    let done = fixture.run(&ImportRequest::upload("customers", "test", upload.id)).completed([2, 0, 0, 1, 0, 0]);
    assert_eq!(done.faults(), [(3, Some(2), "csv.cell.long".to_owned())]);
    assert_eq!(done.rejects()[0].offset, BEFORE.len() as u64);
    assert!(done.rejects()[0].value.chars().count() <= 121);
    assert!(done.reject_file().len() < 5 << 20);
    // The same from a file, in one transaction, the encoding to be found out.
    let path = fixture.path("giant.csv");
    std::io::copy(&mut Giant { at: 0, cell }, &mut std::fs::File::create(&path).unwrap()).unwrap();
    fixture.run(&ImportRequest::path("customers", "atomic", &path)).failed("import.rejected");
    // A quote that is never closed makes a giant cell of the rest of a file.
    let mut file = std::fs::File::create(&path).unwrap();
    std::io::Write::write_all(&mut file, b"h,h\n1,\"a\n").unwrap();
    file.set_len(200 << 20).unwrap();
    drop(file);
    let done = fixture.run(&ImportRequest::path("customers", "test", &path)).completed([0, 0, 0, 1, 0, 0]);
    assert_eq!(done.faults(), [(2, None, "csv.quote".to_owned())]);
    // Large refused lines, which are kept for the file of rejects, are not all kept in memory.
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
    let cell = vec![b'x'; 900 << 10];
    for number in 0..150 {
        std::io::Write::write_all(&mut file, format!("{number},\u{0},").as_bytes()).unwrap();
        std::io::Write::write_all(&mut file, &cell).unwrap();
        std::io::Write::write_all(&mut file, b"\n").unwrap();
    }
    drop(file);
    let done = fixture.run(&ImportRequest::path("customers", "wide", &path)).completed([0, 0, 0, 150, 0, 0]);
    assert_eq!(done.rejects().len(), 150);
    let done = fixture.run(&ImportRequest::path("customers", "wide", &path).dry_run()).completed([0, 0, 0, 150, 0, 0]);
    assert!((5..50).contains(&done.rejects().len()), "{}", done.rejects().len());
    assert_eq!(done.status.counts.reject_cells, 150);
    if let Some(peak) = peak() {
        println!("peak memory {} MiB", peak / 1024);
        assert!(peak < 110 * 1024, "{peak} KiB");
    }
}

#[test]
fn an_upload_that_breaks_off_leaves_nothing() {
    struct Broken(u64);
    impl Read for Broken {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            self.0 += out.len() as u64;
            if self.0 > 10 << 20 {
                return Err(std::io::Error::other("the line went dead"));
            }
            out.fill(b'x');
            Ok(out.len())
        }
    }
    let fixture = Fixture::new();
    let error = fixture.store.upload("a.csv", Broken(0)).unwrap_err();
    assert!(error.to_string().contains("the line went dead"), "{error}");
    let connection = rusqlite::Connection::open(fixture.store.path()).unwrap();
    let left: i64 = connection
        .query_row("SELECT (SELECT count(*) FROM renkei_file) + (SELECT count(*) FROM renkei_file_chunk)", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(left, 0);
}

/// A small file system of its own, where the system lets a test have one.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(path: std::path::PathBuf, mib: u32) -> Option<SmallDisk> {
        std::fs::create_dir(&path).ok()?;
        let mut command = std::process::Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs"]).arg(&path);
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        command.status().is_ok_and(|status| status.success()).then_some(SmallDisk(path))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_stops_the_import_and_loses_nothing() {
    let outside = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(outside.path().join("small"), 6) else {
        println!("skipped: no small file system can be mounted here");
        return;
    };
    for atomic in [false, true] {
        let path = disk.0.join(format!("store{atomic}.db"));
        let store = Store::create(&path).unwrap();
        let mut setting = two();
        setting.atomic = atomic;
        store.apply(&blueprint().import(setting)).unwrap();
        let mut text = "h,h\n".to_owned();
        (0..60_000).for_each(|number| text.push_str(&format!("{number:07},顧客その{number}のとても長い名前\n")));
        let csv = outside.path().join("in.csv");
        std::fs::write(&csv, &text).unwrap();
        let id = store.reserve_import(&ImportRequest::path("customers", "test", &csv)).unwrap().process_id;
        let worker = Worker::new(&store);
        let error = worker.run_until_idle().unwrap_err();
        assert_eq!(error.code(), Code::StoreFull, "{error}");
        let status = store.import_status(id).unwrap();
        identity(&status);
        assert!(!status.state.is_ended(), "{status:?}");
        assert_eq!(store.count("customers", None).unwrap(), status.counts.inserted);
        // Still full, still waiting; it is not given up for that.
        for _ in 0..6 {
            let _ = worker.run_once();
        }
        assert!(!store.import_status(id).unwrap().state.is_ended());
        // Room is made, and it goes on.
        let resized = std::process::Command::new("mount").args(["-o", "remount,size=400m"]).arg(&disk.0).status();
        assert!(resized.is_ok_and(|status| status.success()));
        std::thread::sleep(Duration::from_millis(4_100));
        worker.run_until_idle().unwrap();
        Done::of(&store, id).completed([60_000, 0, 0, 0, 0, 0]);
        drop((worker, store));
        check_file(&path, &[]);
        for name in std::fs::read_dir(&disk.0).unwrap() {
            std::fs::remove_file(name.unwrap().path()).unwrap();
        }
        let _ = std::process::Command::new("mount").args(["-o", "remount,size=6m"]).arg(&disk.0).status();
    }
}

#[test]
fn a_lane_is_not_blocked_by_a_failure() {
    let fixture = Fixture::new();
    fixture.store.apply(&Blueprint::new().import(two())).unwrap();
    let ids: Vec<i64> = [&b"\xFF\xFEh\0"[..], b"", b"h,h\n1,a\n"]
        .iter()
        .map(|bytes| {
            let upload = fixture.store.upload("a.csv", *bytes).unwrap();
            fixture.store.reserve_import(&ImportRequest::upload("customers", "test", upload.id)).unwrap().process_id
        })
        .collect();
    assert_eq!(Worker::new(&fixture.store).run_until_idle().unwrap(), 3);
    let states: Vec<JobState> = ids.iter().map(|id| fixture.store.import_status(*id).unwrap().state).collect();
    assert_eq!(states, [JobState::Failed, JobState::Failed, JobState::Completed]);
    assert!(fixture.store.import_status(ids[0]).unwrap().error.unwrap().en.contains("UTF-16"));
}
