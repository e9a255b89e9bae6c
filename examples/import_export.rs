//! Imports any CSV file into a store and exports it again: a command-line tool, and a tour of the library.
//!
//! `cargo run --release --example import_export -- --help`

use std::fmt::Display;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use renkei::csv::{Encoding, Format, OutputEncoding};
use renkei::{
    BackupOptions, Blueprint, Database, Error, Export, Field, FieldKind, ImportColumn, ImportMode, ImportRequest,
    ImportSetting, ImportStatus, InferOptions, JobState, KeyPart, Kind, Language, Store, Synchronous, Worker,
    infer_path,
};

const HELP: &str = "\
Imports a CSV file into a store, and exports it again.

    import_export --store FILE --csv IN.csv [options]

What the records are:
    --infer                 propose a definition from the file (the default without --definition)
    --definition D.json     a blueprint, or the definition of one database; columns are matched with its fields by
                            display name or code, and columns it does not know are not imported
    --database CODE         the database; default: the first of the definition, else the name of the file as a code
    --key NAME              the column that is the key (with --infer; found out by default)
    --index NAME            a column that gets an index (without --definition); may be given several times
    --no-choices            columns with few different values are text, not choices (with --infer)
    --save-definition D.json  write down the definition of the database, to be changed and given with --definition

How they are imported:
    --encoding auto|utf-8|cp932             default: auto
    --mode insert|insert_keyed|update|upsert
                            insert: every line is a new record with a number from the store
                            insert_keyed: every line is a new record, a key that exists is refused
                            update: every line changes the record with its key
                            upsert: changes the record with the key, or makes it
                            default: upsert where a column is the key, else insert
    --atomic                one refused line refuses the whole file
    --dry-run               count and judge only, on a copy of the store: nothing is kept, not even a definition
    --rejects R.csv         where to write the refused lines, with the reasons
    --synchronous normal|full               what a commit promises when the power fails; default: normal

What comes out:
    --export OUT.csv        the columns of the file, in their order, in raw formats
    --export-encoding utf-8|utf-8-bom|cp932 default: utf-8
    --quiet                 no progress bar, no explanations

The store is made if it does not exist. Started again with the same arguments after it was killed, the tool goes on where
it was; started twice at the same time, the second waits for the first. The last line of the output is a JSON object with
the counts and times.

Exit code: 0 when the import is completed (also with refused lines), 1 when it failed, 2 when the arguments do not fit
together, or do not fit the file or the store; nothing was imported then.
";

#[derive(Default)]
struct Arguments {
    store: PathBuf,
    csv: PathBuf,
    definition: Option<PathBuf>,
    database: Option<String>,
    key: Option<String>,
    index: Vec<String>,
    no_choices: bool,
    save_definition: Option<PathBuf>,
    encoding: Option<Encoding>,
    mode: Option<ImportMode>,
    atomic: bool,
    dry_run: bool,
    rejects: Option<PathBuf>,
    export: Option<PathBuf>,
    export_encoding: OutputEncoding,
    synchronous: Synchronous,
    quiet: bool,
}

/// Why the tool stops, in English and Japanese.
struct Stop {
    code: u8,
    english: String,
    japanese: String,
}

impl Stop {
    /// The arguments are wrong.
    fn arguments(english: impl Into<String>, japanese: impl Into<String>) -> Stop {
        Stop { code: 2, english: english.into(), japanese: japanese.into() }
    }

    /// Something about a file.
    fn of_file(code: u8, path: &Path, error: &impl Display) -> Stop {
        let text = format!("{}: {error}", path.display());
        Stop { code, english: text.clone(), japanese: text }
    }

    fn about(self, path: &Path) -> Stop {
        let named = |text: String| format!("{}: {text}", path.display());
        Stop { code: self.code, english: named(self.english), japanese: named(self.japanese) }
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Stop {
        let code = match error.kind() {
            Kind::Usage | Kind::Definition | Kind::Conflict | Kind::Incompatible => 2,
            _ => 1,
        };
        let (english, japanese) = (error.message(Language::English), error.message(Language::Japanese));
        Stop { code, english, japanese }
    }
}

type Outcome<T> = Result<T, Stop>;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--help" || word == "-h") {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    match parse(&words).and_then(|arguments| run(&arguments)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(stop) => {
            eprintln!("error: {}", stop.english);
            eprintln!("エラー: {}", stop.japanese);
            if stop.code == 2 {
                eprintln!("Try --help.");
            }
            ExitCode::from(stop.code)
        }
    }
}

fn parse(words: &[String]) -> Outcome<Arguments> {
    let (mut store, mut csv, mut infer) = (None, None, false);
    let mut arguments = Arguments::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || {
            let missing = || Stop::arguments(format!("{word} needs a value"), format!("{word}に値がありません"));
            words.next().cloned().ok_or_else(missing)
        };
        let unknown = |value: &str, of: &str| {
            Stop::arguments(format!("{word} takes {of}, not \"{value}\""), format!("{word}は{of}です（{value}）"))
        };
        match word.as_str() {
            "--store" => store = Some(PathBuf::from(value()?)),
            "--csv" => csv = Some(PathBuf::from(value()?)),
            "--infer" => infer = true,
            "--definition" => arguments.definition = Some(PathBuf::from(value()?)),
            "--database" => arguments.database = Some(value()?),
            "--key" => arguments.key = Some(value()?),
            "--index" => arguments.index.push(value()?),
            "--no-choices" => arguments.no_choices = true,
            "--save-definition" => arguments.save_definition = Some(PathBuf::from(value()?)),
            "--encoding" => {
                arguments.encoding = match value()?.as_str() {
                    "auto" => None,
                    "utf-8" => Some(Encoding::Utf8),
                    "cp932" => Some(Encoding::Cp932),
                    other => return Err(unknown(other, "auto, utf-8, cp932")),
                }
            }
            "--mode" => {
                arguments.mode = Some(match value()?.as_str() {
                    "insert" => ImportMode::Insert,
                    "insert_keyed" | "insert-keyed" => ImportMode::InsertKeyed,
                    "update" => ImportMode::Update,
                    "upsert" => ImportMode::Upsert,
                    other => return Err(unknown(other, "insert, insert_keyed, update, upsert")),
                })
            }
            "--atomic" => arguments.atomic = true,
            "--dry-run" => arguments.dry_run = true,
            "--rejects" => arguments.rejects = Some(PathBuf::from(value()?)),
            "--export" => arguments.export = Some(PathBuf::from(value()?)),
            "--export-encoding" => {
                arguments.export_encoding = match value()?.as_str() {
                    "utf-8" => OutputEncoding::Utf8,
                    "utf-8-bom" => OutputEncoding::Utf8Bom,
                    "cp932" => OutputEncoding::Cp932,
                    other => return Err(unknown(other, "utf-8, utf-8-bom, cp932")),
                }
            }
            "--synchronous" => {
                arguments.synchronous = match value()?.as_str() {
                    "normal" => Synchronous::Normal,
                    "full" => Synchronous::Full,
                    other => return Err(unknown(other, "normal, full")),
                }
            }
            "--quiet" => arguments.quiet = true,
            other => {
                let (en, ja) = (format!("there is no option \"{other}\""), format!("オプション{other}はありません"));
                return Err(Stop::arguments(en, ja));
            }
        }
    }
    let missing = |option: &str| Stop::arguments(format!("{option} is missing"), format!("{option}がありません"));
    arguments.store = store.ok_or_else(|| missing("--store"))?;
    arguments.csv = csv.ok_or_else(|| missing("--csv"))?;
    let exclude = |one: &str, other: &str, why: &str| {
        let en = format!("{one} and {other} exclude each other{why}");
        Err(Stop::arguments(en, format!("{one}と{other}は同時に指定できません")))
    };
    if arguments.definition.is_some() {
        for (given, option) in [
            (infer, "--infer"),
            (arguments.key.is_some(), "--key"),
            (!arguments.index.is_empty(), "--index"),
            (arguments.no_choices, "--no-choices"),
        ] {
            if given {
                return exclude(option, "--definition", ": the definition says itself what the records are");
            }
        }
    }
    if arguments.key.is_some() && arguments.mode == Some(ImportMode::Insert) {
        return exclude("--key", "--mode insert", ": the store numbers the records (with a key, insert_keyed)");
    }
    if arguments.dry_run {
        for (path, option) in [(&arguments.export, "--export"), (&arguments.save_definition, "--save-definition")] {
            if path.is_some() {
                return exclude(option, "--dry-run", ": nothing is kept that could be written");
            }
        }
    }
    check_files(&arguments)?;
    Ok(arguments)
}

/// Looks at all files before anything is made.
fn check_files(arguments: &Arguments) -> Outcome<()> {
    let open = |path: &Path| -> Outcome<()> {
        let is_folder = File::open(path).and_then(|file| file.metadata()).map(|meta| meta.is_dir());
        match is_folder {
            Ok(false) => Ok(()),
            Ok(true) => Err(Stop::arguments("it is a folder", "フォルダです").about(path)),
            Err(error) => Err(Stop::of_file(2, path, &error)),
        }
    };
    open(&arguments.csv)?;
    arguments.definition.iter().try_for_each(|path| open(path))?;
    let outputs = [
        ("--rejects", &arguments.rejects),
        ("--export", &arguments.export),
        ("--save-definition", &arguments.save_definition),
    ];
    let mut taken = vec![place(&arguments.csv)];
    taken.extend(arguments.definition.as_deref().map(place));
    for suffix in ["", "-wal", "-shm", "-turn"] {
        let mut beside = place(&arguments.store).into_os_string();
        beside.push(suffix);
        taken.push(beside.into());
    }
    let mut folders = vec![("--store", arguments.store.as_path())];
    for (option, path) in outputs {
        let Some(path) = path else { continue };
        let real = place(path);
        if taken.contains(&real) {
            let shown = path.display();
            let en = format!("{option} would overwrite {shown}: give another name");
            return Err(Stop::arguments(en, format!("{option}が{shown}を上書きします。別の名前にしてください")));
        }
        taken.push(real);
        folders.push((option, path));
    }
    for (option, path) in folders {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !folder.is_dir() {
            let shown = folder.display();
            let en = format!("{option}: there is no folder {shown}");
            return Err(Stop::arguments(en, format!("{option}: フォルダ{shown}がありません")));
        }
        if path.is_dir() {
            return Err(Stop::arguments("it is a folder", "フォルダです").about(path));
        }
    }
    Ok(())
}

/// Where a file is, by whatever name it was given; it need not exist.
fn place(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
        folder.join(path.file_name().unwrap_or_default())
    })
}

fn run(arguments: &Arguments) -> Outcome<bool> {
    let say = |text: String| {
        if !arguments.quiet {
            eprintln!("{text}");
        }
    };
    // A dry run has a copy for itself, which goes with its folder.
    let copy = if arguments.dry_run { Some(copy_of(&arguments.store)?) } else { None };
    let path = copy.as_ref().map_or(arguments.store.clone(), |folder| folder.path().join("copy.db"));
    let mut options = Store::options();
    options.create(true).synchronous(arguments.synchronous);
    let known = if path.exists() { Some(options.open(&path)?) } else { None };
    let plan = plan(known.as_ref(), arguments, &say)?;
    let store = match known {
        Some(store) => store,
        None => {
            // What is refused must not leave an empty store behind, so it is tried elsewhere first.
            let trial = tempfile::tempdir().map_err(|error| Stop::of_file(1, &std::env::temp_dir(), &error))?;
            Store::create(trial.path().join("trial.db"))?.apply(&plan.blueprint)?;
            options.open(&path)?
        }
    };
    for change in store.apply(&plan.blueprint)? {
        say(format!("{} \"{}\": {}", change.kind, change.code, change.what));
    }
    let database = store.database(&plan.setting.database)?;
    let started = Instant::now();
    let process_id = reserve(&store, arguments, &plan.setting)?;
    let status = import(&store, arguments, process_id, &say)?;
    let import_seconds = started.elapsed().as_secs_f64();
    report(&store, &status, &plan, import_seconds, &say)?;
    if let Some(path) = &arguments.rejects {
        let file = File::create(path).map_err(|error| Stop::of_file(1, path, &error))?;
        let written = store.write_rejects(process_id, std::io::BufWriter::new(file));
        let lines = written.map_err(|error| Stop::from(error).about(path))?;
        say(format!("{lines} refused lines are in {}", path.display()));
        let all = status.counts.rejected;
        if lines < all {
            eprintln!("note: only the first {lines} of {all} refused lines are there: no more of one import are kept");
            eprintln!(
                "注意: 拒否された{all}行のうち、最初の{lines}行だけです。1回のインポートで記録される数に上限があります"
            );
        }
    }
    if let Some(error) = &status.error {
        eprintln!("error: {}\nエラー: {}", error.en, error.ja);
    }
    if let Some(path) = &arguments.save_definition {
        let json = Blueprint::new().database(database.clone()).to_json();
        fs::write(path, json).map_err(|error| Stop::of_file(1, path, &error))?;
        say(format!("the definition is in {}", path.display()));
    }
    let mut export_seconds = 0.0;
    if let Some(path) = arguments.export.as_ref().filter(|_| status.state == JobState::Completed) {
        let started = Instant::now();
        let exported = store.export_to_path(&export(arguments, &database, &plan.setting), path)?;
        export_seconds = started.elapsed().as_secs_f64();
        say(format!("{} records are in {} ({export_seconds:.2} s)", exported.records, path.display()));
    }
    let counts = status.counts;
    println!(
        "{}",
        serde_json::json!({
            "state": status.state,
            "database": database.code,
            "mode": plan.setting.mode,
            "dry_run": arguments.dry_run,
            "total": counts.total,
            "inserted": counts.inserted,
            "updated": counts.updated,
            "unchanged": counts.unchanged,
            "rejected": counts.rejected,
            "skipped": counts.skipped,
            "unprocessed": counts.unprocessed,
            "import_seconds": import_seconds,
            "export_seconds": export_seconds,
            "peak_rss_bytes": peak_memory(),
        })
    );
    Ok(status.state == JobState::Completed)
}

/// A folder beside the store with a copy of it, if it exists.
fn copy_of(store: &Path) -> Outcome<tempfile::TempDir> {
    let folder = store.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let made = tempfile::Builder::new().prefix(".dry-run-").tempdir_in(folder);
    let made = made.map_err(|error| Stop::of_file(1, folder, &error))?;
    if store.exists() {
        // What is no store is refused here already. The copy is for this run only, and is not checked.
        let path = made.path().join("copy.db");
        Store::open(store)?.backup_with(&path, &BackupOptions::new().unchecked(), |_| true)?;
        // Imports that the store is about to run are no business of the copy.
        let copy = Store::open(&path)?;
        for open in copy.imports(u64::MAX)?.into_iter().filter(|status| !status.state.is_ended()) {
            copy.cancel_import(open.process_id)?;
        }
    }
    Ok(made)
}

/// What is to be done.
struct Plan {
    /// What the store must have.
    blueprint: Blueprint,
    setting: ImportSetting,
    /// Whether the types of the fields were found out from an earlier file.
    is_earlier: bool,
}

/// Finds out what the database is, and how the columns of the file go into its fields.
fn plan(store: Option<&Store>, arguments: &Arguments, say: &impl Fn(String)) -> Outcome<Plan> {
    let given = arguments.definition.as_deref().map(read_definition).transpose()?;
    let wanted = arguments.database.clone();
    let code = wanted.clone().unwrap_or_else(|| code_of(&arguments.csv));
    let options = InferOptions {
        encoding: arguments.encoding,
        key: arguments.key.clone(),
        automatic_key: arguments.mode == Some(ImportMode::Insert),
        index: arguments.index.clone(),
        choices: !arguments.no_choices,
        database: code.clone(),
        ..InferOptions::default()
    };
    let head_options = InferOptions {
        rows: Some(0),
        key: None,
        automatic_key: false,
        index: vec![],
        database: "records".to_owned(),
        ..options.clone()
    };
    let stored = match store {
        Some(store) => store.blueprint()?.databases,
        None => Vec::new(),
    };
    let same =
        |database: &&Database| database.code.eq_ignore_ascii_case(&code) || wanted.is_some() && is_id(database, &code);
    let (mut blueprint, mut setting, is_earlier) = if let Some(blueprint) = given {
        let found = match &wanted {
            Some(_) => blueprint.databases.iter().find(same),
            None => blueprint.databases.first(),
        };
        let Some(database) = found.cloned() else {
            let path = arguments.definition.as_deref().unwrap_or(Path::new(""));
            let (en, ja) = match &wanted {
                Some(code) => (format!("it defines no database \"{code}\""), format!("「{code}」の定義がありません")),
                None => ("it defines no database".to_owned(), "データベースの定義がありません".to_owned()),
            };
            return Err(Stop::arguments(en, ja).about(path));
        };
        let head = infer_path(&arguments.csv, &head_options)?;
        let setting = match_columns(&database, head.setting);
        for column in setting.columns.iter().filter(|column| column.field.is_none()) {
            say(format!(
                "  {} is not imported: the definition has no such field",
                column.header.as_deref().unwrap_or("")
            ));
        }
        let mode = default_mode(arguments, &database, &setting)?;
        (blueprint, ImportSetting { mode, ..setting }, false)
    } else if let Some(known) = stored.iter().find(same) {
        // As it was proposed the first time: a later file must fit it.
        let head = infer_path(&arguments.csv, &head_options)?;
        let setting = match_columns(known, head.setting);
        let unknown: Vec<String> = (setting.columns.iter().filter(|column| column.field.is_none()))
            .map(|column| format!("\"{}\"", column.header.clone().unwrap_or_default()))
            .collect();
        if !unknown.is_empty() {
            let (code, unknown) = (&known.code, unknown.join(", "));
            return Err(Stop::arguments(
                format!(
                    "the store already has a database \"{code}\", made from an earlier file, without the columns {unknown}; \
                     use another --database or --store, or say with --definition which columns are wanted"
                ),
                format!(
                    "ストアには以前のファイルから作られたデータベース「{code}」があり、列{unknown}がありません。\
                     --databaseか--storeを変えるか、--definitionで列を指定してください"
                ),
            ));
        }
        let mode = default_mode(arguments, known, &setting)?;
        let blueprint = with_options(known, arguments)?;
        say(format!("  database \"{}\", as it was made from an earlier file", known.code));
        (blueprint, ImportSetting { mode, ..setting }, true)
    } else {
        let inferred = infer_path(&arguments.csv, &options)?;
        say(format!("  database \"{code}\" (another one: --database)"));
        for column in &inferred.columns {
            say(format!("  {} → {} ({})", column.header, column.kind, column.reason));
        }
        say(format!("  key: {}", inferred.key_reason));
        let mode = arguments.mode.unwrap_or(inferred.setting.mode);
        if mode != ImportMode::Insert && inferred.setting.mode == ImportMode::Insert {
            return Err(Stop::arguments(
                format!(
                    "{}: use --mode insert, by which the store numbers the records, or name another column with --key",
                    inferred.key_reason
                ),
                "キーにできる列がありません。--mode insert（自動採番）とするか、--keyで列を指定してください",
            ));
        }
        let blueprint = Blueprint::new().database(inferred.database);
        (blueprint, ImportSetting { mode, ..inferred.setting }, false)
    };
    setting.code = "import_export".to_owned();
    setting.name = "import_export".to_owned();
    setting.atomic = arguments.atomic;
    setting.encoding = arguments.encoding;
    if arguments.mode.is_none() && setting.mode == ImportMode::Insert {
        say("  every line becomes a new record, also when the file is imported again (--mode insert)".to_owned());
    }
    blueprint = blueprint.import(setting.clone());
    Ok(Plan { blueprint, setting, is_earlier })
}

fn read_definition(path: &Path) -> Outcome<Blueprint> {
    let text = fs::read_to_string(path).map_err(|error| Stop::of_file(2, path, &error))?;
    // Whichever of the two the file was meant to be, the member that is wrong is named.
    let is_one = match serde_json::from_str::<serde_json::Value>(&text) {
        Ok(json) => json.get("fields").is_some(),
        Err(_) => !text.contains("\"databases\""),
    };
    let read = match is_one {
        true => Database::from_json(&text).map(|database| Blueprint::new().database(database)),
        false => Blueprint::from_json(&text),
    };
    read.map_err(|error| Stop::from(error).about(path))
}

fn is_id(database: &Database, text: &str) -> bool {
    database.id.is_some_and(|id| id.to_string() == text)
}

fn fields(database: &Database) -> impl Iterator<Item = &Field> {
    database.fields.iter().chain(&database.details).filter(|field| !field.retired)
}

/// The field with a name or a code.
fn field<'a>(database: &'a Database, text: &str) -> Option<&'a Field> {
    fields(database).find(|field| field.name == text).or_else(|| fields(database).find(|field| field.code == text))
}

fn key(database: &Database) -> Option<&Field> {
    fields(database).find(|field| matches!(field.kind, FieldKind::Key { .. }))
}

/// The columns of a file, each with the field that has its header text as its name or code.
fn match_columns(database: &Database, head: ImportSetting) -> ImportSetting {
    let mut setting = head;
    setting.database.clone_from(&database.code);
    // A mended file of rejects ends with three columns of its own, which the import passes over by itself.
    let own = setting.columns.len().saturating_sub(3);
    let ends = setting.columns[own..].iter().map(|column| column.header.as_deref().unwrap_or_default());
    if ends.eq(["_line", "_code", "_message"]) {
        setting.columns.truncate(own);
    }
    for column in &mut setting.columns {
        // Where a header text is empty or stands twice, the code that was made of it tells.
        let found = (column.header.as_deref().and_then(|text| field(database, text)))
            .or_else(|| fields(database).find(|field| Some(&field.code) == column.field.as_ref()));
        *column = ImportColumn { field: found.map(|field| field.code.clone()), header: column.header.clone() };
    }
    setting
}

/// The mode that was asked for; else upsert where the file has the key, and insert where the store gives it.
fn default_mode(arguments: &Arguments, database: &Database, setting: &ImportSetting) -> Outcome<ImportMode> {
    if let Some(mode) = arguments.mode {
        return Ok(mode);
    }
    let Some(key) = key(database) else { return Ok(ImportMode::Upsert) };
    if setting.columns.iter().any(|column| column.field.as_ref() == Some(&key.code)) {
        return Ok(ImportMode::Upsert);
    }
    match &key.kind {
        FieldKind::Key { parts, .. } if parts.iter().any(|part| matches!(part, KeyPart::Automatic { .. })) => {
            Ok(ImportMode::Insert)
        }
        _ => Err(Stop::arguments(
            format!("the file has no column for the key \"{}\" of \"{}\"", key.name, database.code),
            format!("ファイルに「{}」のキー「{}」の列がありません", database.code, key.name),
        )),
    }
}

/// What `--key` and `--index` change in a database that exists.
fn with_options(known: &Database, arguments: &Arguments) -> Outcome<Blueprint> {
    let mut database = known.clone();
    let missing = |option: &str, name: &str| {
        let names: Vec<&str> = fields(known).map(|field| field.name.as_str()).collect();
        let names = names.join(", ");
        let en = format!("{option}: \"{}\" has no field \"{name}\"; its fields are {names}", known.code);
        Stop::arguments(en, format!("{option}: 「{}」に項目「{name}」がありません。項目: {names}", known.code))
    };
    if let Some(name) = &arguments.key {
        let wanted = field(known, name).ok_or_else(|| missing("--key", name))?;
        let key = key(known);
        if key.is_none_or(|key| key.code != wanted.code) {
            let (code, key) = (&known.code, key.map(|key| key.name.as_str()).unwrap_or_default());
            return Err(Stop::arguments(
                format!(
                    "--key: the key of the database \"{code}\" is \"{key}\" and stays so; use another --database or --store"
                ),
                format!(
                    "--key: データベース「{code}」のキーは「{key}」で、変更できません。--databaseか--storeを変えてください"
                ),
            ));
        }
    }
    for name in &arguments.index {
        let code = field(known, name).ok_or_else(|| missing("--index", name))?.code.clone();
        let all = database.fields.iter_mut().chain(&mut database.details);
        // The key has an index in any case.
        all.filter(|field| field.code == code && !matches!(field.kind, FieldKind::Key { .. }))
            .for_each(|field| field.index = true);
    }
    Ok(match database == *known {
        true => Blueprint::new(),
        false => Blueprint::new().database(database),
    })
}

/// Reserves the import. One that was begun by an earlier call with the same arguments and never ended is gone on with.
fn reserve(store: &Store, arguments: &Arguments, setting: &ImportSetting) -> Outcome<i64> {
    let path = std::path::absolute(&arguments.csv).map_err(|error| Stop::of_file(1, &arguments.csv, &error))?;
    let meta = fs::metadata(&path).map_err(|error| Stop::of_file(1, &path, &error))?;
    let base = format!(
        "{} {} {} {:?} {:?} {} {}",
        setting.database,
        path.display(),
        meta.len(),
        meta.modified().ok(),
        setting.mode,
        setting.atomic,
        arguments.dry_run
    );
    let mut number = 0;
    loop {
        let mut request =
            ImportRequest::path(&setting.database, &setting.code, &path).token(format!("{base} {number}"));
        if arguments.dry_run {
            request = request.dry_run();
        }
        let reserved = store.reserve_import(&request)?;
        if !reserved.existed || !store.import_status(reserved.process_id)?.state.is_ended() {
            return Ok(reserved.process_id);
        }
        number += 1;
    }
}

/// Runs the import, or waits for the process that runs it already.
fn import(store: &Store, arguments: &Arguments, process_id: i64, say: &impl Fn(String)) -> Outcome<ImportStatus> {
    let bar = if arguments.quiet { ProgressBar::hidden() } else { ProgressBar::new(0) };
    let style = "{bar:40} {bytes}/{total_bytes} {msg} {eta}";
    bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
    let show = move |total: u64, done: u64, rows: u64, rejected: u64| {
        bar.set_length(total);
        bar.set_position(done);
        bar.set_message(format!("{rows} lines, {rejected} refused"));
        if total == done {
            bar.finish_and_clear();
        }
    };
    let shown = show.clone();
    let worker =
        Worker::new(store).on_progress(move |now| shown(now.bytes_total, now.bytes_done, now.rows, now.rejected));
    let mut told = false;
    loop {
        match worker.run_until_idle() {
            // Another process writes, and will come to its end.
            Err(error) if error.kind() != Kind::Busy => return Err(error.into()),
            _ => {}
        }
        let status = store.import_status(process_id)?;
        if status.state.is_ended() {
            return Ok(status);
        }
        if !told {
            told = true;
            say("another process is importing into this database: waiting for it".to_owned());
        }
        show(status.bytes_total, status.bytes_done, status.counts.total, status.counts.rejected);
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// What came of it, for people.
fn report(store: &Store, status: &ImportStatus, plan: &Plan, seconds: f64, say: &impl Fn(String)) -> Outcome<()> {
    let counts = status.counts;
    say(format!(
        "{} of {} lines taken ({} new, {} changed, {} as they were), {} refused, {} empty, in {seconds:.2} s{}",
        counts.inserted + counts.updated + counts.unchanged,
        counts.total,
        counts.inserted,
        counts.updated,
        counts.unchanged,
        counts.rejected,
        counts.skipped,
        if status.dry_run { "; a dry run: nothing of it is kept" } else { "" },
    ));
    let first = store.rejects(status.process_id, 0, 1_000)?;
    for reject in first.iter().take(5) {
        let column = reject.column_name.as_ref().map(|name| format!(", {name}")).unwrap_or_default();
        say(format!("  line {}{column}: {}", reject.line, reject.message_en));
    }
    if plan.is_earlier {
        let of_type = |code: &str| {
            ["value.choice", "value.number", "value.date", "value.time", "value.key"]
                .iter()
                .any(|prefix| code.starts_with(prefix))
        };
        let mut columns: Vec<&str> = first
            .iter()
            .filter(|reject| of_type(&reject.code))
            .filter_map(|reject| reject.column_name.as_deref())
            .collect();
        columns.sort_unstable();
        columns.dedup();
        if !columns.is_empty() {
            say(format!(
                "the types and choices of {} were found out from an earlier file; if this file is right, write the \
                 definition down with --save-definition, change it, and give it with --definition",
                columns.join(", ")
            ));
        }
    }
    Ok(())
}

/// The columns that were imported, in the order of the file, under its own header texts.
fn export(arguments: &Arguments, database: &Database, setting: &ImportSetting) -> Export {
    let mut export =
        Export::of(&database.code).format(Format { encoding: arguments.export_encoding, ..Format::default() });
    for column in &setting.columns {
        let Some(code) = &column.field else { continue };
        let name = fields(database).find(|field| &field.code == code).map(|field| field.name.clone());
        let heading = column.header.clone().or(name);
        export = export.named(code, heading.unwrap_or_else(|| code.clone()));
    }
    export
}

/// The name of a file as the code of a database: the same for the same name, and another for another.
fn code_of(path: &Path) -> String {
    const LONGEST: usize = 40;
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let words: Vec<&str> = stem.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let mut code = words.join("_");
    let lower = code.to_ascii_lowercase();
    let is_kept = lower.starts_with("renkei_") || lower.starts_with("sqlite_");
    if is_kept || !code.chars().next().is_some_and(char::is_alphabetic) {
        code = format!("records_{code}");
    }
    // What the words do not tell apart, a few digits made of the whole name do.
    if words.is_empty() || code.chars().count() > LONGEST {
        let hash = stem
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let begin: String = code.chars().take(LONGEST - 9).collect();
        code = format!("{}_{:08x}", begin.trim_end_matches('_'), hash >> 32);
    }
    code
}

/// The most memory this process has used, where the system tells.
fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}
