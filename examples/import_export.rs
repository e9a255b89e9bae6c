//! Imports any CSV file into a store and exports it again: a command-line tool, and a tour of the library.
//!
//! `cargo run --release --example import_export -- --help`

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use renkei::csv::{Encoding, Format, OutputEncoding};
use renkei::{
    Blueprint, Code, Database, Error, Export, ImportColumn, ImportMode, ImportRequest, ImportSetting, InferOptions,
    JobState, Language, Store, Synchronous, Worker, infer_path,
};

const HELP: &str = "\
Imports a CSV file into a store, and exports it again.

    import_export --store FILE --csv IN.csv [options]

What the records are:
    --infer                 propose a definition from the file (the default without --definition)
    --definition D.json     a blueprint, or the definition of one database; columns are matched with its fields by
                            display name or code, and columns it does not know are not imported
    --key NAME              the column that is the key (with --infer; found out by default)
    --index NAME            a column that gets an index (with --infer); may be given several times

How they are imported:
    --encoding auto|utf-8|cp932             default: auto
    --mode insert|insert-keyed|update|upsert
                            insert: every line is a new record with a number from the store
                            insert-keyed: every line is a new record, a key that exists is refused
                            update: every line changes the record with its key
                            upsert: changes the record with the key, or makes it (the default)
    --atomic                one refused line refuses the whole file
    --dry-run               count and judge only; nothing is kept
    --rejects R.csv         where to write the refused lines, with the reasons
    --synchronous normal|full               what a commit promises when the power fails; default: normal

What comes out:
    --export OUT.csv        the columns of the file, in their order, in raw formats
    --export-encoding utf-8|utf-8-bom|cp932 default: utf-8
    --quiet                 no progress bar, no explanations

The store is made if it does not exist. Started again with the same arguments after it was killed, the tool goes on where
it was. The last line of the output is a JSON object with the counts and times.

Exit code: 0 when the import is completed (also with refused lines), 1 when it failed, 2 when the arguments are wrong.
";

struct Arguments {
    store: PathBuf,
    csv: PathBuf,
    definition: Option<PathBuf>,
    encoding: Option<Encoding>,
    mode: ImportMode,
    key: Option<String>,
    index: Vec<String>,
    atomic: bool,
    dry_run: bool,
    rejects: Option<PathBuf>,
    export: Option<PathBuf>,
    export_encoding: OutputEncoding,
    synchronous: Synchronous,
    quiet: bool,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--help" || word == "-h") {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let arguments = match parse(&words) {
        Ok(arguments) => arguments,
        Err(fault) => {
            eprintln!("import_export: {fault}\nTry --help.");
            return ExitCode::from(2);
        }
    };
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {}", error.message(Language::English));
            eprintln!("エラー: {}", error.message(Language::Japanese));
            ExitCode::FAILURE
        }
    }
}

fn parse(words: &[String]) -> Result<Arguments, String> {
    let (mut store, mut csv) = (None, None);
    let mut arguments = Arguments {
        store: PathBuf::new(),
        csv: PathBuf::new(),
        definition: None,
        encoding: None,
        mode: ImportMode::Upsert,
        key: None,
        index: Vec::new(),
        atomic: false,
        dry_run: false,
        rejects: None,
        export: None,
        export_encoding: OutputEncoding::Utf8,
        synchronous: Synchronous::Normal,
        quiet: false,
    };
    let mut infer = false;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().cloned().ok_or_else(|| format!("{word} needs a value"));
        let unknown = |value: &str, of: &str| format!("{word} takes {of}, not \"{value}\"");
        match word.as_str() {
            "--store" => store = Some(PathBuf::from(value()?)),
            "--csv" => csv = Some(PathBuf::from(value()?)),
            "--definition" => arguments.definition = Some(PathBuf::from(value()?)),
            "--infer" => infer = true,
            "--encoding" => {
                arguments.encoding = match value()?.as_str() {
                    "auto" => None,
                    "utf-8" => Some(Encoding::Utf8),
                    "cp932" => Some(Encoding::Cp932),
                    other => return Err(unknown(other, "auto, utf-8 or cp932")),
                }
            }
            "--mode" => {
                arguments.mode = match value()?.as_str() {
                    "insert" => ImportMode::Insert,
                    "insert-keyed" => ImportMode::InsertKeyed,
                    "update" => ImportMode::Update,
                    "upsert" => ImportMode::Upsert,
                    other => return Err(unknown(other, "insert, insert-keyed, update or upsert")),
                }
            }
            "--key" => arguments.key = Some(value()?),
            "--index" => arguments.index.push(value()?),
            "--atomic" => arguments.atomic = true,
            "--dry-run" => arguments.dry_run = true,
            "--rejects" => arguments.rejects = Some(PathBuf::from(value()?)),
            "--export" => arguments.export = Some(PathBuf::from(value()?)),
            "--export-encoding" => {
                arguments.export_encoding = match value()?.as_str() {
                    "utf-8" => OutputEncoding::Utf8,
                    "utf-8-bom" => OutputEncoding::Utf8Bom,
                    "cp932" => OutputEncoding::Cp932,
                    other => return Err(unknown(other, "utf-8, utf-8-bom or cp932")),
                }
            }
            "--synchronous" => {
                arguments.synchronous = match value()?.as_str() {
                    "normal" => Synchronous::Normal,
                    "full" => Synchronous::Full,
                    other => return Err(unknown(other, "normal or full")),
                }
            }
            "--quiet" => arguments.quiet = true,
            other => return Err(format!("there is no option \"{other}\"")),
        }
    }
    if infer && arguments.definition.is_some() {
        return Err("--infer and --definition exclude each other".to_owned());
    }
    if arguments.definition.is_some() && (arguments.key.is_some() || !arguments.index.is_empty()) {
        return Err("--key and --index go with --infer; a definition says itself what its key is".to_owned());
    }
    arguments.store = store.ok_or("--store is missing")?;
    arguments.csv = csv.ok_or("--csv is missing")?;
    let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    for (option, path) in [("--rejects", &arguments.rejects), ("--export", &arguments.export)] {
        let Some(path) = path else { continue };
        if real(path) == real(&arguments.csv) || real(path) == real(&arguments.store) {
            return Err(format!("{option} would overwrite {}: give another name", path.display()));
        }
    }
    Ok(arguments)
}

fn run(arguments: &Arguments) -> Result<bool, Error> {
    let say = |text: String| {
        if !arguments.quiet {
            eprintln!("{text}");
        }
    };
    let store = Store::options().create(true).synchronous(arguments.synchronous).open(&arguments.store)?;
    let (database, setting) = define(&store, arguments, &say)?;
    let started = Instant::now();
    let process_id = reserve(&store, arguments, &setting)?;
    import(&store, arguments)?;
    let status = store.import_status(process_id)?;
    let import_seconds = started.elapsed().as_secs_f64();
    let counts = status.counts;
    say(format!(
        "{} of {} lines taken ({} new, {} changed, {} as they were), {} refused, {} empty, in {import_seconds:.2} s",
        counts.inserted + counts.updated + counts.unchanged,
        counts.total,
        counts.inserted,
        counts.updated,
        counts.unchanged,
        counts.rejected,
        counts.skipped,
    ));
    for reject in store.rejects(process_id, 0, 5)? {
        let column = reject.column_name.map(|name| format!(", {name}")).unwrap_or_default();
        say(format!("  line {}{column}: {}", reject.line, reject.message_en));
    }
    if let Some(path) = &arguments.rejects {
        let lines = store.write_rejects(process_id, std::io::BufWriter::new(create(path)?))?;
        say(format!("{lines} refused lines are in {}", path.display()));
    }
    if let Some(error) = &status.error {
        eprintln!("error: {}\nエラー: {}", error.en, error.ja);
    }
    let mut export_seconds = 0.0;
    if let Some(path) = arguments.export.as_ref().filter(|_| status.state == JobState::Completed) {
        let started = Instant::now();
        let exported = store.export_to_path(&export(arguments, &database, &setting), path)?;
        export_seconds = started.elapsed().as_secs_f64();
        say(format!("{} records are in {} ({export_seconds:.2} s)", exported.records, path.display()));
    }
    println!(
        "{}",
        serde_json::json!({
            "state": status.state,
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

fn create(path: &Path) -> Result<std::fs::File, Error> {
    Ok(std::fs::File::create(path)?)
}

/// Makes sure that the store has a database and an import setting for the file.
fn define(store: &Store, arguments: &Arguments, say: &impl Fn(String)) -> Result<(Database, ImportSetting), Error> {
    let code = code_of(&arguments.csv);
    let options = InferOptions {
        encoding: arguments.encoding,
        key: arguments.key.clone(),
        automatic_key: arguments.mode == ImportMode::Insert,
        index: arguments.index.clone(),
        database: code.clone(),
        ..InferOptions::default()
    };
    let mut blueprint = Blueprint::new();
    let mut setting;
    let database = match &arguments.definition {
        None => match store.database(&code) {
            // As it was proposed the first time: a later file must fit it.
            Ok(known) => {
                let head =
                    infer_path(&arguments.csv, &InferOptions { rows: Some(0), key: None, index: vec![], ..options })?;
                setting = match_columns(&known, &head.setting)?;
                let unknown: Vec<String> = (setting.columns.iter().filter(|column| column.field.is_none()))
                    .map(|column| format!("\"{}\"", column.header.clone().unwrap_or_default()))
                    .collect();
                if !unknown.is_empty() {
                    return Err(std::io::Error::other(format!(
                        "the store already has a database \"{code}\", made from an earlier file, without the columns {}; \
                         use another --store, or say with --definition which columns are wanted",
                        unknown.join(", ")
                    ))
                    .into());
                }
                known
            }
            Err(error) if error.code() == Code::DatabaseNotFound => {
                let inferred = infer_path(&arguments.csv, &options)?;
                for column in &inferred.columns {
                    say(format!("  {} → {} ({})", column.header, column.kind, column.reason));
                }
                say(format!("  key: {}", inferred.key_reason));
                blueprint = blueprint.database(inferred.database.clone());
                setting = inferred.setting;
                inferred.database
            }
            Err(error) => return Err(error),
        },
        Some(path) => {
            let text = std::fs::read_to_string(path)?;
            blueprint = match Blueprint::from_json(&text) {
                Ok(blueprint) if !blueprint.databases.is_empty() => blueprint,
                whole => match serde_json::from_str::<Database>(&text) {
                    Ok(database) => Blueprint::new().database(database),
                    // Whichever of the two the file was meant to be, the member that is wrong is named.
                    Err(_) if text.contains("\"databases\"") => whole?,
                    Err(error) => return Err(std::io::Error::other(format!("{}: {error}", path.display())).into()),
                },
            };
            let Some(database) = blueprint.databases.first().cloned() else {
                return Err(std::io::Error::other(format!("{} defines no database", path.display())).into());
            };
            let head =
                infer_path(&arguments.csv, &InferOptions { rows: Some(0), key: None, index: vec![], ..options })?;
            setting = match_columns(&database, &head.setting)?;
            database
        }
    };
    setting.database.clone_from(&database.code);
    setting.code = "import_export".to_owned();
    setting.name = "import_export".to_owned();
    setting.mode = arguments.mode;
    setting.atomic = arguments.atomic;
    setting.encoding = arguments.encoding;
    for change in store.apply(&blueprint.import(setting.clone()))? {
        say(format!("{} \"{}\": {}", change.kind, change.code, change.what));
    }
    Ok((store.database(&database.code)?, setting))
}

/// The columns of a file, each with the field that has its header text as its name or code.
fn match_columns(database: &Database, head: &ImportSetting) -> Result<ImportSetting, Error> {
    let mut setting = head.clone();
    // A mended file of rejects ends with three columns of its own, which the import passes over by itself.
    let own = setting.columns.len().saturating_sub(3);
    let ends = setting.columns[own..].iter().map(|column| column.header.as_deref().unwrap_or_default());
    if ends.eq(["_line", "_code", "_message"]) {
        setting.columns.truncate(own);
    }
    for column in &mut setting.columns {
        let text = column.header.clone().unwrap_or_default();
        let fields = || database.fields.iter().chain(&database.details).filter(|field| !field.retired);
        let found = fields().find(|field| field.name == text).or_else(|| fields().find(|field| field.code == text));
        *column = ImportColumn { field: found.map(|field| field.code.clone()), header: column.header.clone() };
    }
    Ok(setting)
}

/// Reserves the import. One that was begun by an earlier call with the same arguments and never ended is gone on with.
fn reserve(store: &Store, arguments: &Arguments, setting: &ImportSetting) -> Result<i64, Error> {
    let path = std::path::absolute(&arguments.csv)?;
    let meta = std::fs::metadata(&path)?;
    let base = format!(
        "{} {} {:?} {:?} {} {}",
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

fn import(store: &Store, arguments: &Arguments) -> Result<(), Error> {
    if arguments.quiet {
        Worker::new(store).run_until_idle()?;
        return Ok(());
    }
    let bar = ProgressBar::new(0);
    let style = "{bar:40} {bytes}/{total_bytes} {msg} {eta}";
    bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
    let shown = bar.clone();
    let worker = Worker::new(store).on_progress(move |progress| {
        shown.set_length(progress.bytes_total);
        shown.set_position(progress.bytes_done);
        shown.set_message(format!("{} lines, {} refused", progress.rows, progress.rejected));
    });
    worker.run_until_idle()?;
    bar.finish_and_clear();
    Ok(())
}

/// The columns that were imported, in the order of the file, under its own header texts.
fn export(arguments: &Arguments, database: &Database, setting: &ImportSetting) -> Export {
    let mut export =
        Export::of(&database.code).format(Format { encoding: arguments.export_encoding, ..Format::default() });
    for column in &setting.columns {
        let Some(field) = &column.field else { continue };
        let name = database.fields.iter().chain(&database.details).find(|other| &other.code == field);
        let heading = column.header.clone().or_else(|| name.map(|field| field.name.clone()));
        export = export.named(field, heading.unwrap_or_else(|| field.clone()));
    }
    export
}

/// The name of the file as the code of a database.
fn code_of(path: &Path) -> String {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let words: Vec<&str> = stem.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let code: String = words.join("_").chars().take(40).collect();
    match code.chars().next().is_some_and(char::is_alphabetic) {
        true => code.trim_end_matches('_').to_owned(),
        false => "records".to_owned(),
    }
}

/// The most memory this process has used, where the system tells.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}
