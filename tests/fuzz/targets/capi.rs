//! Sequences of calls of the C ABI, every function of the header with any arguments that its contract allows: whatever is
//! called, outputs are set or cleared as the header says, lent and owned memory is readable as long as it says (watched by
//! the address sanitizer), nothing is left open, and the store is as sound as before.
#![no_main]

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use libfuzzer_sys::fuzz_target;
use renkei::{Blueprint, Code, Values};
use renkei_fuzz::{Input, Stand, is_fault};

include!(concat!(env!("OUT_DIR"), "/calls.rs"));

/// A struct of the header, which begins with its size.
pub struct Struct {
    name: &'static str,
    size: usize,
    members: &'static [Member],
}

pub struct Member {
    offset: usize,
    of: &'static str,
    name: &'static str,
}

/// So many calls an input is at most.
const CALLS: usize = 24;
/// A length that says: up to the NUL.
const NTS: usize = usize::MAX;
const OK: i32 = 0;
const STORAGE: i32 = 11;
const INTERNAL: i32 = 12;
const POISONED: i32 = 107;
const PANIC: i32 = 108;
const STORE: &str = "renkei_store";

/// What an output was before the call, so that one that is not cleared is seen.
const JUNK: usize = 0xBAD_CAFE;

/// Texts that are well somewhere.
fn menu(name: &str) -> &'static [&'static str] {
    match name {
        "database" => &["items", "log"],
        "blueprint" => &[
            r#"{"lists": [{"database": "items", "code": "all", "name": "全て", "columns": ["code", "name"]}]}"#,
            r#"{"users": [{"code": "clerk", "name": "担当", "rights": {"*": ["view", "register", "import"]}}]}"#,
            r#"{"databases": [{"code": "more", "name": "追加", "fields": [{"code": "code", "name": "番号", "type": "key"}]}]}"#,
        ],
        "values" => &[
            r#"{"code": "A", "name": "品"}"#,
            r#"[{"code": "B"}, {"code": "C", "price": "1.50", "details": [{"note": "x"}]}]"#,
            r#"{"price": "9", "tags": ["A"]}"#,
        ],
        "changes" => &[r#"[{"key": "1", "values": {"name": "改"}}]"#],
        "targets" => &[r#"["1", "A"]"#],
        "query" => &[r#"{"limit": 2}"#, r#"{"sort": [{"field": "price", "descending": true}]}"#, "{}"],
        "condition" => &[r#"{"field": "name", "op": "contains", "value": "品"}"#, r#"{"all": []}"#],
        "aggregation" => &[r#"{"group_by": [{"field": "name"}], "measures": [{"function": "count"}]}"#],
        "columns" => &[r#"["code", "price", "note"]"#],
        "spec" => &[r#"{"database": "items"}"#, r#"{"database": "items", "format": {"encoding": "cp932"}}"#],
        "delivery" => &[r#"{"url": "https://example.test/", "method": "POST"}"#],
        "key" => &["1", "2", "A", "B"],
        "field" => &["name", "price", "day", "tags", "note", "code", "at"],
        "label" | "value" => &["A", "品", "1.5", "application/json", "2026-01-31"],
        "setting" => &["in"],
        "kind" => &["list", "database", "import"],
        "bytes" | "body" => &["code,name\nA,品\nB,x\n", "code,name\n1,x,y\n\"", r#"{"dbSchemaId":100001,"keyId":"1"}"#],
        "method" => &["POST", "GET"],
        "target" => &["/abc1de2/apirecord/view/version/v1", "t"],
        "name" => &["X-HD-apitoken", "Content-Type", "in.csv", "all", "s"],
        "account" => &["abc1de2"],
        "user" => &["clerk"],
        "remote" | "peer" | "address" | "forwarded_for" => &["192.0.2.7", "::1"],
        "entry" => &[r#"{"action": "x"}"#],
        "time_zone" => &["Asia/Tokyo", "UTC"],
        "addresses" => &[r#"["192.0.2.0/24"]"#],
        "network" => &[r#"{"allow": ["127.0.0.0/8"]}"#],
        "request" => &[r#"{"database": "items", "list": "all", "push": "p"}"#],
        "mail" => &[r#"{"to": ["a@example.test"], "subject": "s", "text": "t"}"#],
        _ => &["x", "{}", "[]"],
    }
}

enum Out {
    Handle(Box<usize>, &'static str),
    Error(Box<usize>),
    Owned(Box<(usize, usize)>),
    Lent(Box<(usize, usize)>),
    Cells(Box<(usize, usize)>),
    Number(Box<usize>, usize),
    /// What was given with it, to be read when the call has ended.
    Struct(Vec<u64>, &'static Struct),
}

/// Draws arguments, and looks at outputs.
pub struct Hand<'a, 'b> {
    input: &'a mut Input<'b>,
    folder: &'a Path,
    /// Handles of all kinds.
    handles: Vec<(&'static str, usize)>,
    /// What calls were given, as large as it is said to be.
    given: Vec<Box<[u8]>>,
    outs: Vec<Out>,
    /// Whether the call has a path: what is there may not be readable, or not be written to.
    has_path: bool,
}

impl Hand<'_, '_> {
    fn give(&mut self, bytes: &[u8]) -> usize {
        self.given.push(bytes.into());
        self.given.last().unwrap().as_ptr().addr()
    }

    fn text(&mut self, name: &str) -> (usize, usize) {
        let choice = self.input.byte();
        self.has_path |= name == "path";
        let mut text = if name == "path" {
            let name =
                ["store.db", "other.db", "out.csv", "in.csv", "no/such", "", "store.db-wal"][usize::from(choice) % 7];
            self.folder.join(name).to_str().unwrap().as_bytes().to_vec()
        } else if name == "new_key" || name == "secret_key" {
            vec![choice; if choice > 250 { 31 } else { 32 }]
        } else {
            match choice {
                0..200 => menu(name)[usize::from(choice) % menu(name).len()].as_bytes().to_vec(),
                200..250 => self.input.piece().to_vec(),
                _ => return (0, usize::from(choice % 2)),
            }
        };
        match choice % 16 {
            // A length that cannot be.
            15 => (self.give(&text), usize::MAX - 1),
            14 if !text.contains(&0) && name != "bytes" && name != "body" => {
                text.push(0);
                (self.give(&text), NTS)
            }
            _ => (self.give(&text), text.len()),
        }
    }

    fn numbers(&mut self) -> (usize, usize) {
        let numbers: Vec<u8> = (0..3).flat_map(|_| self.input.number().to_ne_bytes()).collect();
        // Eight bytes each, and where numbers may stand.
        self.given.push(vec![0; 32].into());
        let room = self.given.last_mut().unwrap();
        let from = room.as_ptr().align_offset(8);
        room[from..from + 24].copy_from_slice(&numbers);
        (room[from..].as_ptr().addr(), usize::from(self.input.byte() % 4))
    }

    fn buffer(&mut self) -> (usize, usize) {
        let size = usize::from(self.input.byte());
        self.given.push(vec![0; size].into());
        (self.given.last_mut().unwrap().as_mut_ptr().addr(), size)
    }

    fn memory(&mut self) -> usize {
        let choice = self.input.byte();
        if choice < 128 { 0 } else { self.give(&[choice; 8]) }
    }

    fn number(&mut self, name: &str) -> i64 {
        let number = self.input.number();
        match name {
            "timeout_ms" => number.rem_euclid(2),
            _ => number,
        }
    }

    /// Mostly the youngest of its kind; else an older one, one of another kind, none, or a number.
    fn handle(&mut self, kind: &'static str) -> usize {
        let choice = self.input.byte();
        let mut own = self.handles.iter().rev().filter(|(other, _)| *other == kind);
        match choice {
            0..200 => own.next().map_or(0, |(_, handle)| *handle),
            200..230 => own.nth(usize::from(choice % 4)).map_or(0, |(_, handle)| *handle),
            230..245 if !self.handles.is_empty() => self.handles[usize::from(choice) % self.handles.len()].1,
            245..250 => 0,
            _ => self.input.number() as usize,
        }
    }

    fn function(&mut self, kind: &str) -> usize {
        if self.input.byte() > 230 {
            return 0;
        }
        match kind {
            "renkei_read_fn" => read as *const () as usize,
            "renkei_write_fn" => write as *const () as usize,
            "renkei_export_progress_fn" => lines as *const () as usize,
            "renkei_check_progress_fn" | "renkei_backup_progress_fn" => steps as *const () as usize,
            // Without the others there are defaults.
            _ => 0,
        }
    }

    fn structure(&mut self, name: &str, is_given: bool) -> usize {
        let of = STRUCTS.iter().find(|of| of.name == name).unwrap();
        let choice = self.input.byte();
        let is_needed = name == "renkei_store_options" && is_given;
        if choice > 200 && !is_needed {
            return 0;
        }
        let mut words = vec![0_u64; of.size / 8];
        if is_given {
            for member in &of.members[1..] {
                let word = match (member.of, member.name) {
                    (_, "busy_timeout_ms") => 20,
                    _ if self.input.byte() & 3 != 0 => continue,
                    ("const char *" | "const uint8_t *", name) => {
                        let (text, len) = self.text(name);
                        words[member.offset / 8 + 1] = len as u64;
                        text as u64
                    }
                    ("size_t", name) if name.ends_with("_len") => continue,
                    (of, _) if of.ends_with("_fn") => self.function(of) as u64,
                    ("const renkei_clock *", _) => self.handle("renkei_clock") as u64,
                    (of, _) if of.contains('*') => 0,
                    (_, "senders") => u64::from(self.input.byte() % 3),
                    // A backup that is asked to take hours takes hours.
                    (_, "bytes_per_second") => self.input.pick(&[0, 1 << 24]),
                    _ => self.input.pick(&[0, 1, 2, 3, 512, 4_096, 65_536, 1 << 20]),
                };
                let half = 8 * (member.offset % 8);
                let mask = if ["uint32_t", "int32_t"].contains(&member.of) { u64::from(u32::MAX) } else { u64::MAX };
                words[member.offset / 8] |= (word & mask) << half;
            }
        }
        words[0] = match choice {
            199 => 0,
            200 => 1 << 40,
            198 => u64::from(self.input.byte()) % of.size as u64,
            _ => of.size as u64,
        };
        // Before it, so that whoever reads beyond a size that is said to be smaller is within the words all the same.
        let address = words.as_ptr().addr();
        self.outs.push(Out::Struct(words, of));
        address
    }

    fn out_handle(&mut self, kind: &'static str) -> usize {
        let place = Box::new(JUNK);
        let address = (&raw const *place).addr();
        self.outs.push(Out::Handle(place, kind));
        address
    }

    fn out_error(&mut self) -> usize {
        if self.input.byte() > 200 {
            return 0;
        }
        let place = Box::new(JUNK);
        let address = (&raw const *place).addr();
        self.outs.push(Out::Error(place));
        address
    }

    fn out_pair(&mut self, make: fn(Box<(usize, usize)>) -> Out) -> (usize, usize) {
        if self.input.byte() > 245 {
            return (0, 0);
        }
        let place = Box::new((JUNK, JUNK));
        let addresses = ((&raw const place.0).addr(), (&raw const place.1).addr());
        self.outs.push(make(place));
        addresses
    }

    fn out_owned(&mut self) -> (usize, usize) {
        self.out_pair(Out::Owned)
    }

    fn out_lent(&mut self) -> (usize, usize) {
        self.out_pair(Out::Lent)
    }

    fn out_cells(&mut self) -> (usize, usize) {
        self.out_pair(Out::Cells)
    }

    fn out_number(&mut self, bytes: usize) -> usize {
        if self.input.byte() > 245 {
            return 0;
        }
        let place = Box::new(JUNK);
        let address = (&raw const *place).addr();
        self.outs.push(Out::Number(place, bytes));
        address
    }

    /// A call has ended: its outputs are as the header says.
    fn ended(&mut self, function: &str, status: i32) {
        let has_path = std::mem::take(&mut self.has_path);
        // None of these is ever the fault of a caller.
        assert!(![INTERNAL, POISONED, PANIC].contains(&status), "{function}: {status}");
        assert!(status != STORAGE || has_path, "{function}: {status}");
        let is_well = status == OK;
        for out in std::mem::take(&mut self.outs) {
            match out {
                Out::Error(place) if is_well => assert_eq!(*place, 0, "{function}"),
                Out::Error(place) => {
                    assert!(*place != 0 && *place != JUNK, "{function}: {status} without an error");
                    let code = code_of(*place);
                    let is_of_path = has_path && [Code::Io, Code::StoreUnwritable].contains(&code);
                    assert!(is_of_path || !is_fault(code), "{function}: {}", code.as_str());
                    self.handles.push(("renkei_error", *place));
                }
                // Whoever finds nothing says so by NULL.
                Out::Handle(place, kind) if is_well && *place != 0 => {
                    assert_ne!(*place, JUNK, "{function}");
                    self.handles.push((kind, *place));
                }
                Out::Handle(place, _) => assert_eq!(*place, 0, "{function}: {status}"),
                Out::Owned(place) if is_well && place.0 != 0 => {
                    let (text, len) = *place;
                    let bytes = unsafe { std::slice::from_raw_parts(text as *const u8, len + 1) };
                    assert_eq!(bytes[len], 0, "{function}: no NUL behind");
                    assert_eq!(unsafe { renkei_free(text) }, OK, "{function}");
                }
                Out::Lent(place) if is_well && place.0 != 0 => readable(place.0, place.1),
                Out::Cells(place) if is_well && place.0 != 0 => readable(place.0, place.1 * 32),
                Out::Owned(place) | Out::Lent(place) | Out::Cells(place) => {
                    assert_eq!(*place, (0, 0), "{function}: {status}");
                }
                Out::Number(place, bytes) if !is_well => {
                    let mask = if bytes == 4 { 0xFFFF_FFFF } else { usize::MAX };
                    // Arguments are looked at in their order, so an earlier fault may leave a later output: cleared is cleared.
                    assert_eq!(*place & mask, 0, "{function}: {status}");
                }
                Out::Number(..) => {}
                Out::Struct(words, of) => {
                    assert_eq!(words.len() * 8, of.size);
                    std::hint::black_box(&words);
                }
            }
        }
    }

    /// A function that only tells a text has told it.
    fn told(&mut self, function: &str, text: usize) {
        assert_ne!(text, 0, "{function}");
        for out in std::mem::take(&mut self.outs) {
            if let Out::Number(len, _) = out {
                assert_eq!(unsafe { *((text + *len) as *const u8) }, 0, "{function}: no NUL behind");
                readable(text, *len);
            }
        }
    }

    fn forget(&mut self) {
        self.outs.clear();
        self.has_path = false;
    }
}

/// What an error is about.
fn code_of(error: usize) -> Code {
    let text = unsafe { std::ffi::CStr::from_ptr(renkei_error_code(error, 0) as *const std::ffi::c_char) };
    let text = text.to_str().unwrap();
    Code::from_text(text).unwrap_or_else(|| panic!("there is no code {text:?}"))
}

fn readable(from: usize, len: usize) {
    let bytes = unsafe { std::slice::from_raw_parts(from as *const u8, len) };
    std::hint::black_box(bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)));
}

/// Gives a file in one piece, and nothing the next time.
unsafe extern "C" fn read(_: usize, buffer: *mut u8, capacity: usize, out_len: *mut usize) -> i32 {
    thread_local!(static GIVEN: std::cell::Cell<bool> = const { std::cell::Cell::new(false) });
    let text = b"code,name\nR,read\n";
    let len = if GIVEN.replace(!GIVEN.get()) { 0 } else { capacity.min(text.len()) };
    unsafe {
        buffer.copy_from(text.as_ptr(), len);
        *out_len = len;
    }
    0
}

/// Takes everything.
unsafe extern "C" fn write(_: usize, bytes: usize, len: usize) -> i32 {
    if len > 0 {
        readable(bytes, len);
    }
    0
}

unsafe extern "C" fn lines(_: usize, lines: u64) -> i32 {
    i32::from(lines < 1_000)
}

unsafe extern "C" fn steps(_: usize, _: u64, _: u64) -> i32 {
    1
}

/// So often a store is used before it is checked and made anew. `RENKEI_FUZZ_ROUNDS=1` finds the input that spoils one.
fn rounds() -> u32 {
    std::env::var("RENKEI_FUZZ_ROUNDS").map_or(200, |rounds| rounds.parse().unwrap())
}

/// The store, as C has it, and how often it was used.
struct Place {
    stand: Stand,
    store: usize,
    rounds: u32,
}

thread_local!(static PLACE: RefCell<Option<Place>> = const { RefCell::new(None) });

impl Place {
    fn new() -> Place {
        let stand = Stand::new(&Blueprint::from_json(include_str!("capi.json")).unwrap());
        for (key, price) in [("1", "1.50"), ("2", "")] {
            let values = Values::new().set("code", key).set("name", "品").set("price", price).set("tags", "A,B");
            stand.store.records("items").register(&values).unwrap();
        }
        std::fs::write(stand.path("in.csv"), "code,name\nF,file\n").unwrap();
        Place { store: open(&stand.path("store.db")), stand, rounds: 0 }
    }
}

fn open(path: &Path) -> usize {
    let path = path.to_str().unwrap();
    let mut words = vec![0_u64; STRUCTS.iter().find(|of| of.name == "renkei_store_options").unwrap().size / 8];
    words[0] = words.len() as u64 * 8;
    let mut store = 0_usize;
    let status = unsafe {
        renkei_store_open(path.as_ptr().addr(), path.len(), words.as_ptr().addr(), (&raw mut store).addr(), 0)
    };
    assert_eq!(status, OK);
    store
}

fn open_count() -> usize {
    let mut count = 0_usize;
    assert_eq!(unsafe { renkei_open_count((&raw mut count).addr(), 0) }, OK);
    count
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    PLACE.with_borrow_mut(|place| {
        if let Some(old) = place.take_if(|place| place.rounds >= rounds()) {
            assert_eq!(unsafe { renkei_store_close(old.store) }, OK);
            old.stand.check();
        }
        let place = place.get_or_insert_with(Place::new);
        place.rounds += 1;
        let folder: PathBuf = place.stand.dir.path().to_owned();
        let mut hand = Hand {
            input: &mut input,
            folder: &folder,
            handles: vec![(STORE, place.store)],
            given: Vec::new(),
            outs: Vec::new(),
            has_path: false,
        };
        for _ in 0..CALLS {
            if hand.input.is_empty() {
                break;
            }
            let which = usize::from(hand.input.byte()) | usize::from(hand.input.byte() & 1) << 8;
            call(which % FUNCTIONS, &mut hand);
        }
        // What was made first may be used by what was made later.
        for (kind, handle) in hand.handles.drain(1..).rev() {
            let _ = unsafe {
                match kind {
                    STORE => renkei_store_close(handle),
                    "renkei_cancel" => renkei_cancel_free(handle),
                    "renkei_clock" => renkei_clock_free(handle),
                    "renkei_error" => renkei_error_free(handle),
                    "renkei_export_stream" => renkei_export_stream_close(handle),
                    "renkei_record" => renkei_record_free(handle),
                    "renkei_request" => renkei_request_free(handle),
                    "renkei_response" => renkei_response_free(handle),
                    "renkei_rows" => renkei_rows_close(handle),
                    "renkei_transaction" => renkei_transaction_rollback(handle),
                    "renkei_values" => renkei_values_free(handle),
                    "renkei_verifier" => renkei_verifier_free(handle),
                    "renkei_webapi" => renkei_webapi_free(handle),
                    "renkei_worker" => renkei_worker_free(handle),
                    other => panic!("who closes {other}?"),
                }
            };
        }
        // The store itself may have been closed.
        let mut now = 0_i64;
        if unsafe { renkei_store_now(place.store, (&raw mut now).addr(), 0) } != OK {
            place.store = open(&place.stand.path("store.db"));
        }
        assert_eq!(open_count(), 1, "something was left open");
    });
});
