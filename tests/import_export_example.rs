//! The example `import_export`, as people run it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use renkei::{ImportRequest, Store, Values, Worker};
use serde_json::Value;

/// The built example. `cargo test --test …` does not build examples, so it is asked for here.
fn tool() -> &'static Path {
    static TOOL: OnceLock<PathBuf> = OnceLock::new();
    TOOL.get_or_init(|| {
        let own = std::env::current_exe().unwrap();
        let profile = own.parent().unwrap().parent().unwrap();
        let name = match profile.file_name().unwrap().to_str().unwrap() {
            "debug" => "dev",
            other => other,
        };
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--example", "import_export", "--profile", name, "--target-dir"])
            .arg(profile.parent().unwrap())
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status()
            .unwrap();
        assert!(built.success());
        profile.join("examples").join(format!("import_export{}", std::env::consts::EXE_SUFFIX))
    })
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> &Folder {
        std::fs::write(self.path(name), text).unwrap();
        self
    }

    fn read(&self, name: &str) -> String {
        String::from_utf8(std::fs::read(self.path(name)).unwrap()).unwrap()
    }

    fn store(&self) -> Store {
        Store::open(self.path("s.db")).unwrap()
    }

    /// Everything in the folder, by name.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.0.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn command(&self, csv: &str, words: &[&str]) -> Command {
        let mut command = Command::new(tool());
        command.current_dir(self.0.path()).args(["--store", "s.db", "--csv", csv]).args(words);
        command
    }

    fn run(&self, csv: &str, words: &[&str]) -> Ran {
        Ran::of(self.command(csv, words).output().unwrap())
    }

    fn start(&self, csv: &str, words: &[&str]) -> Child {
        self.command(csv, words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }
}

#[derive(Debug)]
struct Ran {
    code: i32,
    result: Value,
    said: String,
}

impl Ran {
    fn of(output: Output) -> Ran {
        let text = String::from_utf8(output.stdout).unwrap();
        let result = text.lines().last().map_or(Value::Null, |line| serde_json::from_str(line).unwrap());
        Ran { code: output.status.code().unwrap_or(-1), result, said: String::from_utf8(output.stderr).unwrap() }
    }

    fn completed(self, counts: &[(&str, u64)]) -> Ran {
        assert_eq!((self.code, &self.result["state"]), (0, &"completed".into()), "{self:?}");
        for (name, count) in counts {
            assert_eq!(self.result[*name], *count, "{name} in {self:?}");
        }
        self
    }

    /// Refused before anything was made, in words that have all the parts.
    fn refused(self, parts: &[&str]) -> Ran {
        assert_eq!((self.code, &self.result), (2, &Value::Null), "{self:?}");
        self.says(parts)
    }

    fn says(self, parts: &[&str]) -> Ran {
        for part in parts {
            assert!(self.said.contains(part), "{part:?} in {}", self.said);
        }
        self
    }
}

const ITEMS: &str = "品番,品名,単価\nA-1,鉛筆,120\nA-2,消しゴム,80\n";

#[test]
fn a_file_goes_in_and_comes_out() {
    let folder = Folder::new();
    folder.write("items.csv", ITEMS);
    let ran = folder.run("items.csv", &["--export", "out.csv"]).completed(&[("inserted", 2), ("total", 2)]);
    assert_eq!((&ran.result["database"], &ran.result["mode"]), (&"items".into(), &"upsert".into()));
    assert_eq!(folder.read("out.csv"), ITEMS.replace('\n', "\r\n"));
    folder.run("items.csv", &[]).completed(&[("unchanged", 2)]);
}

#[test]
fn columns_that_are_unknown_are_refused() {
    let folder = Folder::new();
    folder.write("items.csv", ITEMS);
    folder.run("items.csv", &[]).completed(&[("inserted", 2)]);
    folder.write("items.csv", "品番,品名,色\nA-1,鉛筆,赤\n");
    folder.run("items.csv", &[]).refused(&["without the columns \"色\"", "--database", "列\"色\"がありません"]);
    // With a definition it is said which columns are wanted.
    folder.write("d.json", r#"{"code": "items", "name": "商品", "fields": [{"code": "品番", "type": "key"}, {"code": "品名", "type": "text"}]}"#);
    let ran = folder.run("items.csv", &["--definition", "d.json", "--database", "items", "--store", "other.db"]);
    ran.completed(&[("inserted", 1)]).says(&["色 is not imported"]);
}

#[test]
fn no_input_is_overwritten() {
    let folder = Folder::new();
    folder.write("items.csv", ITEMS).write("d.json", "{}");
    std::fs::create_dir(folder.path("sub")).unwrap();
    for words in [
        &["--export", "items.csv"][..],
        &["--rejects", "./sub/../items.csv"],
        &["--export", "s.db"],
        &["--rejects", "s.db-wal"],
        &["--definition", "d.json", "--export", "d.json"],
        &["--export", "out.csv", "--rejects", "sub/../out.csv"],
        &["--save-definition", "items.csv"],
    ] {
        folder.run("items.csv", words).refused(&["would overwrite", "上書き"]);
    }
    assert_eq!(folder.names(), ["d.json", "items.csv", "sub"]);
    assert_eq!(folder.read("items.csv"), ITEMS);
}

#[test]
fn a_mended_file_of_rejects_is_taken() {
    let folder = Folder::new();
    folder.write("items.csv", ITEMS);
    folder.run("items.csv", &[]).completed(&[]);
    folder.write("items.csv", "品番,品名,単価\nA-3,定規,百\nA-4,糊\nA-5,紙,10\n");
    let ran = folder.run("items.csv", &["--rejects", "r.csv"]).completed(&[("inserted", 1), ("rejected", 2)]);
    ran.says(&["2 refused lines are in r.csv", "found out from an earlier file", "--save-definition"]);
    let mended = folder.read("r.csv").replace("百", "100").replace("_missing", "50");
    folder.write("mended.csv", mended);
    folder.run("mended.csv", &["--database", "items"]).completed(&[("inserted", 2), ("rejected", 0)]);
}

#[test]
fn every_file_has_a_database_of_its_own() {
    let folder = Folder::new();
    let long = |end: &str| format!("{}{end}.csv", "売上".repeat(30));
    let names = [
        "2026-01.csv".to_owned(),
        "2026-02.csv".to_owned(),
        "---.csv".to_owned(),
        "___.csv".to_owned(),
        long("甲"),
        long("乙"),
        "sqlite_x.csv".to_owned(),
        "商品一覧.csv".to_owned(),
    ];
    let mut seen = Vec::new();
    for (at, name) in names.iter().enumerate() {
        folder.write(name, format!("k{at},v\n1,2\n"));
        let ran = folder.run(name, &[]).completed(&[("inserted", 1)]);
        let code = ran.result["database"].as_str().unwrap().to_owned();
        ran.says(&[&format!("database \"{code}\"")]);
        assert!(!seen.contains(&code), "{code} for {name}");
        // The same name again, the same database.
        assert_eq!(folder.run(name, &[]).completed(&[("unchanged", 1)]).result["database"], code);
        seen.push(code);
    }
    assert_eq!((seen[0].as_str(), seen[7].as_str()), ("records_2026_01", "商品一覧"));
    let ran = folder.run("2026-01.csv", &["--database", "monthly"]).completed(&[("inserted", 1)]);
    assert_eq!(ran.result["database"], "monthly");
    // Capitals make no other name in SQLite.
    folder.write("MONTHLY.csv", "k0,v\n1,3\n");
    assert_eq!(folder.run("MONTHLY.csv", &[]).completed(&[("updated", 1)]).result["database"], "monthly");
}

#[test]
fn the_second_of_two_runs_waits_for_the_first() {
    let folder = Folder::new();
    let lines: String = (0..120_000).map(|number| format!("{number},名前{number},{number}\n")).collect();
    folder.write("items.csv", format!("番号,名前,数\n{lines}"));
    folder.write("small.csv", "番号,名前,数\n1,a,1\n");
    folder.run("small.csv", &["--database", "items"]).completed(&[]);
    for words in [&["--mode", "upsert"][..], &["--mode", "upsert", "--atomic", "--database", "again"]] {
        let first = folder.start("items.csv", words);
        let began = Instant::now();
        while folder
            .store()
            .imports(1)
            .unwrap()
            .first()
            .is_none_or(|status| status.started_at.is_none() || status.state.is_ended())
            && began.elapsed() < Duration::from_secs(120)
        {
            std::thread::sleep(Duration::from_millis(5));
        }
        // With the same arguments it is the same import, unless the first was so fast that it had ended.
        Ran::of(folder.command("items.csv", words).output().unwrap()).completed(&[("total", 120_000)]);
        Ran::of(first.wait_with_output().unwrap()).completed(&[("total", 120_000)]);
    }
}

#[test]
fn key_and_index_are_heard_when_the_database_exists() {
    let folder = Folder::new();
    folder.write("items.csv", ITEMS);
    folder.run("items.csv", &["--key", "品番", "--index", "品名"]).completed(&[]);
    let indexed = |name: &str| {
        let database = folder.store().database("items").unwrap();
        database.fields.iter().any(|field| field.name == name && field.index)
    };
    assert_eq!((indexed("品名"), indexed("単価")), (true, false));
    folder.run("items.csv", &["--key", "品番", "--index", "単価"]).completed(&[]).says(&["indexed in another way"]);
    assert_eq!((indexed("品名"), indexed("単価")), (true, true));
    folder.run("items.csv", &["--key", "品名"]).refused(&["is \"品番\" and stays so", "変更できません"]);
    folder.run("items.csv", &["--key", "色"]).refused(&["has no field \"色\"", "単価"]);
    folder.run("items.csv", &["--index", "色"]).refused(&["has no field \"色\""]);
}

#[test]
fn a_file_without_a_key_is_inserted_or_told_how() {
    let folder = Folder::new();
    folder.write("log.csv", "日,人\n2026/01/01,甲\n2026/01/01,甲\n");
    let ran = folder.run("log.csv", &[]).completed(&[("inserted", 2)]);
    assert_eq!(ran.result["mode"], "insert");
    ran.says(&["no column can be the key", "every line becomes a new record"]);
    let again = folder.run("log.csv", &[]).completed(&[("inserted", 2)]);
    assert_eq!(again.result["mode"], "insert");
    for mode in ["upsert", "insert_keyed", "insert-keyed", "update"] {
        let words = ["--database", "other", "--mode", mode];
        folder.run("log.csv", &words).refused(&[
            "no column can be the key",
            "use --mode insert",
            "--mode insert（自動採番）",
        ]);
    }
    // The key that the store gives is in no file, and a typed one is not given by the store.
    folder.run("log.csv", &["--mode", "upsert"]).refused(&["without one, the mode is insert"]);
    folder.write("items.csv", ITEMS);
    folder.run("items.csv", &[]).completed(&[]);
    folder.run("items.csv", &["--mode", "insert"]).refused(&["use insert_keyed"]);
    folder.run("items.csv", &["--mode", "insert_keyed"]).completed(&[("rejected", 2)]);
    folder.run("items.csv", &["--mode", "insert", "--key", "品番"]).refused(&["exclude each other", "insert_keyed"]);
}

#[test]
fn a_dry_run_keeps_nothing() {
    let folder = Folder::new();
    folder.write("items.csv", ITEMS).write("bad.csv", "品番,品名,単価\nA-1,x,1\nA-3,y,百\n");
    let ran = folder.run("items.csv", &["--dry-run"]).completed(&[("inserted", 2)]).says(&["nothing of it is kept"]);
    assert_eq!(ran.result["dry_run"], true);
    assert_eq!(folder.names(), ["bad.csv", "items.csv"]);

    folder.run("items.csv", &[]).completed(&[]);
    let store = folder.store();
    // Nor does it run what others have reserved.
    let waiting =
        store.reserve_import(&ImportRequest::path("items", "import_export", folder.path("items.csv"))).unwrap();
    let before = (store.blueprint().unwrap(), store.imports(10).unwrap());
    let words = ["--database", "items", "--dry-run", "--index", "単価", "--rejects", "r.csv", "--atomic"];
    let ran = folder.run("bad.csv", &words);
    ran.completed(&[("updated", 1), ("rejected", 1)]);
    assert!(folder.read("r.csv").contains("百"));
    assert_eq!((store.blueprint().unwrap(), store.imports(10).unwrap()), before);
    assert_eq!(store.records("items").view("A-1").unwrap().text("品名"), "鉛筆");
    assert!(!store.import_status(waiting.process_id).unwrap().state.is_ended());
    assert_eq!(folder.names().iter().filter(|name| name.contains("dry")).count(), 0);
    Worker::new(&store).run_until_idle().unwrap();

    folder
        .run("items.csv", &["--dry-run", "--export", "o.csv"])
        .refused(&["--export and --dry-run exclude each other"]);
    assert!(!folder.path("o.csv").exists());
}

#[test]
fn choices_are_inferred_with_care_and_can_be_declined() {
    let folder = Folder::new();
    let lines = |count: usize| -> String {
        let line = |number| format!("{number},{}\n", ["未", "済"][number % 2]);
        format!("番号,状態\n{}", (0..count).map(line).collect::<String>())
    };
    folder.write("small.csv", lines(400)).write("large.csv", lines(1_200)).write("more.csv", "番号,状態\n9999,保留\n");
    // A small file does not say that these labels are all.
    folder.run("small.csv", &[]).completed(&[("inserted", 400)]).says(&["状態 → text"]);
    folder.run("more.csv", &["--database", "small"]).completed(&[("inserted", 1)]);
    folder.run("large.csv", &[]).completed(&[]).says(&["状態 → choice"]);
    let ran = folder.run("more.csv", &["--database", "large", "--save-definition", "d.json"]);
    ran.completed(&[("rejected", 1)]).says(&["choices of 状態 were found out from an earlier file", "--definition"]);
    // The advice works.
    let wider = folder.read("d.json").replace("\"label\": \"済\"", "\"label\": \"済\"}, {\"label\": \"保留\"");
    folder.write("d.json", wider);
    folder.run("more.csv", &["--definition", "d.json"]).completed(&[("inserted", 1)]);
    folder.run("large.csv", &["--database", "plain", "--no-choices"]).completed(&[]).says(&["状態 → text"]);
}

#[test]
fn files_and_folders_are_looked_at_before_anything_is_made() {
    let folder = Folder::new();
    folder.write("items.csv", ITEMS);
    std::fs::create_dir(folder.path("sub")).unwrap();
    folder.run("none.csv", &[]).refused(&["none.csv: "]);
    folder.run("sub", &[]).refused(&["sub: it is a folder", "フォルダです"]);
    folder.run("items.csv", &["--rejects", "no/r.csv"]).refused(&["--rejects: there is no folder no"]);
    folder.run("items.csv", &["--export", "no/o.csv"]).refused(&["--export: there is no folder no"]);
    folder.run("items.csv", &["--export", "sub"]).refused(&["sub: it is a folder"]);
    folder.run("items.csv", &["--store", "no/s.db"]).refused(&["--store: there is no folder no"]);
    folder.run("items.csv", &["--definition", "none.json"]).refused(&["none.json: "]);
    folder.run("items.csv", &["--key", "色"]).refused(&["`key` names \"色\"", "「色」という列はありません"]);
    folder.run("items.csv", &["--index", "色"]).refused(&["`index` names \"色\""]);
    folder.run("items.csv", &["--mode", "replace"]).refused(&["insert_keyed"]);
    folder.run("items.csv", &["--database", "a b"]).refused(&["the code \"a b\""]);
    folder.write("twice.csv", "k,v\n1,2\n1,3\n");
    folder.run("twice.csv", &["--key", "k"]).refused(&["cannot be the key", "stands a second time"]);
    folder.run("items.csv", &["--store", "items.csv"]).refused(&["items.csv is not a renkei store"]);
    assert_eq!(folder.names(), ["items.csv", "sub", "twice.csv"]);
}

#[test]
fn faults_of_definitions_are_told_as_such() {
    let folder = Folder::new();
    folder.write("items.csv", ITEMS);
    let with = |json: &str, parts: &[&str]| {
        folder.write("d.json", json);
        folder.run("items.csv", &["--definition", "d.json"]).refused(parts);
    };
    with(
        "{\"code\": \"a\",",
        &["d.json: The definition is not readable: EOF", "d.json: 定義のJSONを読み取れません: 途中で"],
    );
    with(
        r#"{"code": "a", "name": "a", "fields": [{"code": "k", "type": "keyy"}]}"#,
        &["field \"k\": unknown variant `keyy`"],
    );
    with(
        r#"{"databases": [{"code": "a", "feelds": []}]}"#,
        &["unknown field `feelds`", "feeldsという指定はありません"],
    );
    with(r#"{"databases": []}"#, &["d.json: it defines no database"]);
    // What is refused by the store leaves none behind.
    with(r#"{"code": "a", "name": "a", "fields": [{"code": "品番", "type": "text"}]}"#, &["0 key fields"]);
    // A required field without a column is told once, and before the first line.
    let required = r#"{"code": "a", "name": "a", "fields": [{"code": "品番", "type": "key"}, {"code": "色", "type": "text", "required": true}]}"#;
    with(required, &["required fields have no column", "色", "必須項目に列がない"]);
    assert_eq!(folder.names(), ["d.json", "items.csv"]);
    // The database of several that is meant.
    let two = r#"{"databases": [{"code": "a", "name": "a", "fields": [{"code": "品番", "type": "key"}]},
                                {"code": "b", "name": "b", "fields": [{"code": "品番", "type": "key"}]}]}"#;
    folder.write("d.json", two);
    let ran = folder.run("items.csv", &["--definition", "d.json", "--database", "b"]).completed(&[("inserted", 2)]);
    assert_eq!(ran.result["database"], "b");
    folder.run("items.csv", &["--definition", "d.json", "--database", "c"]).refused(&["it defines no database \"c\""]);
    folder.run("items.csv", &["--definition", "d.json", "--key", "品番"]).refused(&["--key and --definition exclude"]);
}

#[test]
fn rejects_that_were_cut_are_told() {
    let folder = Folder::new();
    folder.write("items.csv", ITEMS);
    folder.run("items.csv", &[]).completed(&[]);
    // An atomic import keeps 10,000 refused cells.
    let lines: String = (0..10_050).map(|number| format!("B-{number},x,百\n")).collect();
    folder.write("items.csv", format!("品番,品名,単価\n{lines}"));
    let ran = folder.run("items.csv", &["--atomic", "--rejects", "r.csv", "--quiet"]);
    assert_eq!((ran.code, &ran.result["state"]), (1, &"failed".into()), "{ran:?}");
    ran.says(&["only the first 10000 of 10050 refused lines are there", "最初の10000行"]);
    assert_eq!(folder.read("r.csv").lines().count(), 10_001);
}

#[test]
fn files_of_any_header_can_be_imported_again() {
    let folder = Folder::new();
    folder.write("odd.csv", "a,a,,b\n1,2,3,4\n2,3,4,5\n");
    folder.run("odd.csv", &["--export", "out.csv"]).completed(&[("inserted", 2)]);
    folder.run("odd.csv", &[]).completed(&[("unchanged", 2)]);
    folder.store().records("odd").update("1", &Values::new().set("b", "9")).unwrap();
    folder.run("odd.csv", &["--mode", "update"]).completed(&[("updated", 1), ("unchanged", 1)]);
}
