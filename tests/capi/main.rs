//! The C ABI from outside: programs in C and C++ are compiled against the header and the installed libraries, and run as
//! they are, under valgrind and under the sanitizers.
//!
//! The libraries are built by `include/install.sh` into a folder of their own, once for all tests here.
#![cfg(target_os = "linux")]

mod header;
mod host;
#[path = "../host/raw.rs"]
#[allow(dead_code, reason = "the tests of the host in Rust use more of it")]
mod raw;
#[path = "../host/running.rs"]
#[allow(dead_code, reason = "as above")]
mod running;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use header::Function;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Where the libraries are installed.
fn installed() -> &'static Path {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        let own = Path::new(env!("CARGO_TARGET_TMPDIR")).join("capi");
        let prefix = own.join("installed");
        let mut install = Command::new(Path::new(ROOT).join("include/install.sh"));
        install.arg("--prefix").arg(&prefix).args(["--profile", "capi-test", "--target-dir"]).arg(own.join("target"));
        if cfg!(feature = "mail") {
            install.args(["--features", "mail"]);
        }
        done(&mut install);
        prefix
    })
}

/// Runs a program that must succeed.
fn done(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// Python, with the module of the examples and the library.
fn python() -> Command {
    let mut command = Command::new("python3");
    command.env("RENKEI_LIBRARY", installed().join("lib/librenkei.so"));
    command.env("PYTHONPATH", Path::new(ROOT).join("examples/python")).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Whether a tool is there. Where it must be (`RENKEI_ALL_TOOLS`, as in CI), it is an error that it is not.
fn has(tool: &str) -> bool {
    let found = Command::new(tool).arg("--version").output().is_ok_and(|output| output.status.success());
    assert!(found || std::env::var_os("RENKEI_ALL_TOOLS").is_none(), "{tool} is not installed");
    if !found {
        eprintln!("{tool} is not installed: what needs it is left out");
    }
    found
}

/// A folder of this test's own, empty.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("capi/run").join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Link {
    Shared,
    Static,
    /// Static, with the address and undefined-behaviour sanitizers.
    Sanitized,
}

/// Compiles a program.
fn compile(source: &Path, link: Link, more: &[&str]) -> PathBuf {
    let prefix = installed();
    let is_cpp = source.extension().is_some_and(|extension| extension == "cpp");
    let (compiler, standard) = if is_cpp { ("c++", "-std=c++17") } else { ("cc", "-std=c99") };
    let name = format!("{}-{link:?}", source.file_stem().unwrap().to_str().unwrap());
    let program = folder(&format!("bin-{name}")).join(name);
    let mut command = Command::new(compiler);
    command.args([standard, "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-pedantic"]);
    command.arg("-I").arg(prefix.join("include")).arg("-I").arg(Path::new(ROOT).join("tests/capi"));
    command.arg(source).args(more);
    if cfg!(feature = "mail") {
        command.arg("-DRENKEI_TEST_MAIL");
    }
    match link {
        Link::Shared => {
            command.arg("-L").arg(prefix.join("lib")).arg("-lrenkei");
            command.arg(format!("-Wl,-rpath,{}", prefix.join("lib").display()));
        }
        Link::Static | Link::Sanitized => {
            command.arg(prefix.join("lib/librenkei.a")).args(native_libraries());
        }
    }
    if link == Link::Sanitized {
        command.args(["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]);
    }
    command.args(["-pthread", "-o"]).arg(&program);
    done(&mut command);
    program
}

/// What static programs link besides, as the README says it.
fn native_libraries() -> Vec<String> {
    let readme = std::fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap();
    let line = readme.lines().find(|line| line.contains("librenkei.a -l")).expect("the README has the link line");
    line.split(' ').filter(|word| word.starts_with("-l")).map(str::to_owned).collect()
}

fn source(name: &str) -> PathBuf {
    Path::new(ROOT).join("tests/capi").join(name)
}

fn read_header() -> String {
    std::fs::read_to_string(Path::new(ROOT).join("include/renkei.h")).unwrap()
}

fn run(program: &Path, arguments: &[&str]) -> String {
    let name = program.file_name().unwrap().to_str().unwrap();
    text(&done(Command::new(program).arg(folder(&format!("plain-{name}"))).args(arguments)))
}

/// Runs a program as it is, linked in both ways, and under the checkers.
fn run_everywhere(source: &Path) {
    for link in [Link::Shared, Link::Static] {
        run(&compile(source, link, &[]), &[]);
    }
    let program = compile(source, Link::Sanitized, &[]);
    run(&program, &[]);
    if has("valgrind") {
        let program = compile(source, Link::Shared, &[]);
        let name = program.file_name().unwrap().to_str().unwrap();
        // What Rust keeps until the end is reachable; only what nobody can reach is a leak.
        let arguments = [
            "-q",
            "--error-exitcode=9",
            "--leak-check=full",
            "--errors-for-leak-kinds=definite",
            "--show-leak-kinds=definite",
        ];
        done(Command::new("valgrind").args(arguments).arg(&program).arg(folder(&format!("valgrind-{name}"))));
    }
}

#[test]
fn the_committed_header_is_the_one_that_the_sources_make() {
    let target = installed().parent().unwrap().join("target/capi-test/build");
    let made = std::fs::read_dir(target).unwrap().filter_map(|entry| {
        let path = entry.unwrap().path().join("out/renkei.h");
        Some((path.metadata().ok()?.modified().ok()?, path))
    });
    let (_, made) = made.max().expect("the header was made");
    let made = std::fs::read_to_string(made).unwrap();
    if std::env::var_os("RENKEI_BLESS").is_some() {
        std::fs::write(Path::new(ROOT).join("include/renkei.h"), &made).unwrap();
    }
    let committed = read_header();
    if let Some((line, (found, wanted))) =
        committed.lines().zip(made.lines()).enumerate().find(|(_, (found, wanted))| found != wanted)
    {
        panic!(
            "include/renkei.h is out of date from line {}:\n  {found}\ninstead of\n  {wanted}\nRun the test with \
             RENKEI_BLESS=1 to renew it.",
            line + 1
        );
    }
    assert!(committed == made, "include/renkei.h is out of date: run the test with RENKEI_BLESS=1 to renew it");
}

#[test]
fn the_headers_stand_alone_in_c_and_in_cpp() {
    let include = Path::new(ROOT).join("include");
    for (compiler, language, standard, header) in [
        ("cc", "c", "-std=c99", "renkei.h"),
        ("cc", "c", "-std=c11", "renkei.h"),
        ("c++", "c++", "-std=c++11", "renkei.h"),
        ("c++", "c++", "-std=c++17", "renkei.h"),
        ("c++", "c++", "-std=c++20", "renkei.h"),
        ("c++", "c++", "-std=c++17", "renkei.hpp"),
        ("c++", "c++", "-std=c++20", "renkei.hpp"),
    ] {
        let alone = folder("alone").join("alone.src");
        std::fs::write(&alone, format!("#include \"{header}\"\n#include \"{header}\"\n")).unwrap();
        let mut command = Command::new(compiler);
        command.args(["-x", language, standard, "-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only", "-I"]);
        command.arg(&include).arg(&alone);
        // No struct of the ABI may have holes, which nobody would clear.
        if header == "renkei.h" {
            command.arg("-Wpadded");
        }
        done(&mut command);
    }
}

#[test]
fn the_libraries_export_what_the_header_declares_and_nothing_else() {
    let declared: BTreeSet<String> =
        header::functions(&read_header()).into_iter().map(|function| function.name).collect();
    assert!(declared.len() > 100);
    let symbols = |arguments: &[&str], library: &str| -> BTreeSet<String> {
        let output = done(Command::new("nm").args(arguments).arg(installed().join("lib").join(library)));
        let lines = text(&output);
        lines.lines().filter_map(|line| line.split(' ').nth(2)).map(str::to_owned).collect()
    };
    assert_eq!(symbols(&["-D", "--defined-only"], "librenkei.so"), declared);
    assert_eq!(symbols(&["-g", "--defined-only"], "librenkei.a"), declared);
    let output = text(&done(Command::new("readelf").arg("-d").arg(installed().join("lib/librenkei.so"))));
    let version: Vec<&str> = env!("CARGO_PKG_VERSION").split('.').collect();
    let wanted = if version[0] == "0" { format!("0.{}", version[1]) } else { version[0].to_owned() };
    assert!(output.contains(&format!("soname: [librenkei.so.{wanted}]")), "{output}");
}

#[test]
fn what_rust_can_do_c_can_do() {
    let header = read_header();
    let table = header::table(&header);
    let declared: Vec<String> = header::functions(&header).into_iter().map(|function| function.name).collect();
    let listed: Vec<String> = table.iter().map(|(function, _)| function.clone()).collect();
    assert_eq!(listed, declared, "the table has every function, in their order");

    // Every public method is one that some function stands for, but for types that cross as JSON, as members of structs, as
    // numbers or texts, and for those that only help to write Rust.
    let otherwise: BTreeSet<&str> = [
        // As JSON.
        "Aggregation AggregationExport AggregationSetting Attachment Automation AutomationRequest AutomationTrigger",
        "Blueprint Branch Condition CsvPush Database DeleteRecords DeliveryFilter Export Field FieldSource FileRequest",
        "FileTemplate GenerateFileFor HttpSend HttpSendFor HttpSendRequest ImportSetting JsonRow KeyPart List Mail MailServer",
        "MailTemplate MenuEntry NetworkPolicy NewDelivery NoticeMail Pair Part PartTarget PushRequest Query ReceivedMail",
        "RegisterRecord Report RetryPlan SaveAnswer Schedule Search SearchRecords SendMailAbout SlottedText Sort Statuses",
        "Target UpdateRecords User",
        // Read and written within those.
        "AddressRange Cursor Dialect Encoding Expression Finding Format Menu Method Rate Rights Test",
        // As members of structs, and as numbers.
        "Date DateTime Number Time WriteOptions Code DefinitionKind DeliveryState JobState Right Timestamp",
        "Trigger",
        // What a transport of the host uses: renkei_outgoing stands for it.
        "Answer Exchange Failure OutboundRequest Url",
        // Not public, or only the body of something that is.
        "Body InnerCode OuterCode",
    ]
    .into_iter()
    .flat_map(str::split_whitespace)
    .collect();
    // Those for which C needs no function.
    let without = [
        "Values::rows",           // what was given is not read back
        "DetailRow::fields",      // as above
        "Row::is_empty",          // renkei_rows_column_count is 0
        "BackupOptions::new",     // renkei_backup_options_init
        "CheckOptions::new",      // renkei_check_options_init
        "CheckOptions::is_quick", // what was given is not read back
        "CheckReport::findings",  // members of the JSON
        "CheckReport::examined",
        "CheckReport::message",
        // What was given is not read back either.
        "Request::header_value",
        "Request::header_values",
        // A cell says its kind.
        "Value::to_text",
        "Value::as_text",
        "Value::as_number",
    ];
    // A function is named with its module, and found without.
    let named: BTreeSet<&str> = table
        .iter()
        .flat_map(|(_, rust)| rust.split([' ', ',']))
        .map(|word| word.split_once("::").filter(|(of, _)| !is_type(of)).map_or(word, |(_, name)| name))
        .collect();
    let methods = methods(&Path::new(ROOT).join("src"));
    let missing: Vec<&String> = methods
        .iter()
        .filter(|method| !otherwise.contains(method.split("::").next().unwrap_or_default()))
        .filter(|method| !named.contains(method.as_str()) && !without.contains(&method.as_str()))
        .collect();
    assert!(
        missing.is_empty(),
        "no function of the C ABI stands for {missing:?}: add one to src/capi, with the Rust item in the last line of its \
         description, or name the type above if it crosses in another way"
    );
    // Every limit is an option.
    let options = std::fs::read_to_string(Path::new(ROOT).join("src/store/options.rs")).unwrap();
    let limits = options.split_once("pub struct Limits {").unwrap().1.split_once("\n}").unwrap().0;
    for limit in limits.lines().filter_map(|line| line.trim().strip_prefix("pub ")?.split_once(':')) {
        assert!(header.contains(&format!("    uint64_t limit_{};", limit.0)), "limit_{} is no option of C", limit.0);
    }
    // And what is named exists, but for methods of traits and variants, which are not looked for.
    let types: BTreeSet<&str> = methods.iter().filter_map(|method| method.split_once("::")).map(|(of, _)| of).collect();
    for name in named {
        let is_method = name.split_once("::").is_some_and(|(of, name)| types.contains(of) && !is_type(name));
        assert!(!is_method || methods.contains(name), "there is no {name} any more");
    }
}

fn is_type(name: &str) -> bool {
    name.starts_with(|letter: char| letter.is_ascii_uppercase())
}

/// Every public method in the sources, as `Type::method`, and every public function.
fn methods(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().is_none_or(|name| name != "capi") {
                found.extend(methods(&path));
            }
            continue;
        }
        let source = std::fs::read_to_string(&path).unwrap();
        let mut of = String::new();
        for line in source.lines() {
            let words = line.trim_start();
            if let Some(rest) = words.strip_prefix("impl") {
                // `impl<T> Trait for Type<T> {`: the last name before the brace.
                let rest = rest.split(" for ").last().unwrap_or(rest).trim_end_matches(" {");
                let name = rest.rsplit('>').find(|part| part.chars().any(char::is_alphabetic)).unwrap_or(rest);
                of = name.split('<').next().unwrap_or_default().trim().to_owned();
            }
            // Methods made by macros are named there by a variable.
            if let Some(rest) = words.strip_prefix("pub fn ")
                && let Some(name) = rest.split(['(', '<']).next()
                && !name.starts_with('$')
            {
                match line.starts_with(' ') {
                    true => found.insert(format!("{of}::{name}")),
                    // A function that belongs to no type.
                    false => found.insert(name.to_owned()),
                };
            }
        }
    }
    // The one macro that makes methods of `Store`.
    for name in ["lists", "list", "searches", "search"] {
        found.insert(format!("Store::{name}"));
    }
    // Methods of traits that stand in the table.
    found
}

#[test]
fn every_function_does_what_it_says() {
    run_everywhere(&source("surface.c"));
}

#[test]
fn what_leaves_a_store_leaves_it_from_c_too() {
    run_everywhere(&source("outbound.c"));
}

#[test]
fn automations_are_started_watched_and_ended() {
    run_everywhere(&source("automation.c"));
}

#[test]
fn stores_are_copied_and_checked_and_exports_read() {
    run_everywhere(&source("upkeep.c"));
}

#[test]
fn misuse_is_an_error_and_nothing_else() {
    run_everywhere(&source("misuse.c"));
}

#[test]
fn null_is_refused_in_every_argument() {
    let program = folder("null-source").join("null.c");
    std::fs::write(&program, header::null_program(&read_header())).unwrap();
    run_everywhere(&program);
}

#[test]
fn the_wrapper_for_cpp_owns_throws_and_carries_exceptions() {
    run_everywhere(&source("wrapper.cpp"));
}

#[test]
fn threads_lose_no_update_and_wait_for_nobody_in_vain() {
    // Long where everything is shown.
    let (usual, checked) = if std::env::var_os("RENKEI_ALL_TOOLS").is_some() { ("10", "30") } else { ("3", "3") };
    let seconds = std::env::var("RENKEI_THREADS_SECONDS").unwrap_or_else(|_| usual.to_owned());
    let path = source("threads.c");
    println!("{}", run(&compile(&path, Link::Sanitized, &[]), &["2"]));
    // Whoever waits for another for ever is ended, and has failed.
    let bounded = |words: &[&str], program: &Path, folder: PathBuf, seconds: &str| {
        let mut command = Command::new("timeout");
        command.args(["--signal=KILL", "900"]).args(words).arg(program).arg(folder).arg(seconds);
        println!("{}", text(&done(&mut command)));
    };
    let program = compile(&path, Link::Shared, &[]);
    bounded(&[], &program, folder("threads"), &seconds);
    if has("valgrind") {
        // Slow, and one thread at a time: locks that are taken in one order here and in another there are found all the same.
        let suppressed = format!("--suppressions={}", source("helgrind.supp").display());
        let words = ["valgrind", "-q", "--tool=helgrind", "--error-exitcode=9", "--history-level=approx", &suppressed];
        bounded(&words, &program, folder("helgrind"), checked);
    }
}

#[test]
fn a_program_keeps_its_own_sqlite() {
    let fake = source("own_sqlite_fake.c");
    for link in [Link::Static, Link::Shared] {
        let program = compile(&source("own_sqlite.c"), link, &[fake.to_str().unwrap()]);
        println!("{}", run(&program, &["0.0.0-fake"]));
    }
    // The system's own, where there is one.
    let real = [
        "/usr/lib/x86_64-linux-gnu/libsqlite3.so.0",
        "/usr/lib/aarch64-linux-gnu/libsqlite3.so.0",
        "/usr/lib64/libsqlite3.so.0",
    ];
    if let Some(real) = real.iter().find(|path| Path::new(path).exists()) {
        for link in [Link::Static, Link::Shared] {
            println!("{}", run(&compile(&source("own_sqlite.c"), link, &[real]), &[]));
        }
    }
}

#[test]
fn the_examples_tell_their_story() {
    for (file, link) in [
        ("c/quickstart.c", Link::Shared),
        ("c/quickstart.c", Link::Sanitized),
        ("cpp/quickstart.cpp", Link::Static),
        ("cpp/quickstart.cpp", Link::Sanitized),
    ] {
        let program = compile(&Path::new(ROOT).join("examples").join(file), link, &[]);
        let output = folder(&format!("story-{}", program.file_name().unwrap().to_str().unwrap()));
        let told = text(&done(Command::new(program).arg(Path::new(ROOT).join("examples")).arg(&output)));
        for wanted in ["completed: 22200 lines, 22200 new, 0 refused", "value.choice", "180 offices", "1236 records"] {
            assert!(told.contains(wanted), "{told}");
        }
    }
    if has("python3") {
        let of_root = |path: &str| Path::new(ROOT).join(path);
        let told = text(&done(python().arg(of_root("examples/python/quickstart.py"))));
        assert!(told.contains("1236 records"), "{told}");
        let told = text(&done(python().arg(of_root("examples/python/lead_followup.py"))));
        for wanted in [
            "[automation.http_send]",
            "completed, 0 completed, 1 failed",
            "completed, 1 completed, 0 failed",
            "L-2: 鈴木 一郎 / 連絡済み / 125",
            "[automation.send]",
        ] {
            assert!(told.contains(wanted), "{told}");
        }
        assert_eq!(told.contains("mail to jiro@example.com"), cfg!(feature = "mail"), "{told}");
        // What is described by hand is what the header declares.
        let files = ["tests/capi/structs.py", "include/renkei.h", "examples/node/renkei.mjs"].map(of_root);
        done(python().args(files));
    }
    // A failure is told with the library's reason.
    let program = compile(&Path::new(ROOT).join("examples/c/quickstart.c"), Link::Shared, &[]);
    let failed = Command::new(program).arg(Path::new(ROOT).join("examples")).arg("/no/such/folder").output().unwrap();
    let told = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert!(!failed.status.success() && told.contains("quickstart-c.db"), "{told}");
}

#[test]
fn pkg_config_and_cmake_find_it() {
    let prefix = installed();
    let folder = folder("find");
    if has("pkg-config") {
        let flags = |more: &str| -> Vec<String> {
            let mut command = Command::new("pkg-config");
            command.env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig")).args(["--cflags", "--libs", more, "renkei"]);
            text(&done(&mut command)).split_whitespace().map(str::to_owned).collect()
        };
        // What the static library needs, by the compiler, is what the README says.
        let natives: BTreeSet<String> = flags("--static").into_iter().filter(|flag| flag.starts_with("-l")).collect();
        let said: BTreeSet<String> = native_libraries().into_iter().chain(["-lrenkei".to_owned()]).collect();
        assert_eq!(natives, said, "the link line of the README");
        let program = folder.join("by-pkg-config");
        let mut command = Command::new("cc");
        command.arg("-std=c99").arg(source("own_sqlite.c")).arg(source("own_sqlite_fake.c"));
        command.arg("-I").arg(source("")).args(flags("--print-errors")).arg("-o").arg(&program);
        done(&mut command);
        done(Command::new(program).env("LD_LIBRARY_PATH", prefix.join("lib")).arg(&folder));
    }
    if has("cmake") {
        let lists = format!(
            "cmake_minimum_required(VERSION 3.13)\nproject(found C)\nfind_package(renkei {} REQUIRED)\n\
             foreach(way renkei static)\n  add_executable(found-${{way}} {} {})\n  \
             target_include_directories(found-${{way}} PRIVATE {})\n  \
             target_link_libraries(found-${{way}} renkei::${{way}})\nendforeach()\n",
            env!("CARGO_PKG_VERSION"),
            source("own_sqlite.c").display(),
            source("own_sqlite_fake.c").display(),
            source("").display()
        );
        std::fs::write(folder.join("CMakeLists.txt"), lists).unwrap();
        let mut configure = Command::new("cmake");
        configure.arg("-S").arg(&folder).arg("-B").arg(folder.join("build"));
        done(configure.arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.display())));
        done(Command::new("cmake").arg("--build").arg(folder.join("build")));
        for way in ["found-renkei", "found-static"] {
            done(Command::new(folder.join("build").join(way)).arg(&folder));
        }
    }
}

/// The first program of the README in a language.
fn program_of_the_readme(language: &str) -> String {
    let readme = std::fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap();
    let begun = readme.split_once(&format!("```{language}\n")).expect("a program in this language").1;
    begun.split_once("```").expect("it ends").0.to_owned()
}

#[test]
fn the_programs_of_the_readme_compile_and_run() {
    let folder = folder("readme");
    std::fs::write(folder.join("readme.c"), program_of_the_readme("c")).unwrap();
    let program = compile(&folder.join("readme.c"), Link::Static, &[]);
    let told = text(&done(Command::new(program).current_dir(&folder)));
    assert!(told.contains("\"code\":\"items\""), "{told}");

    std::fs::remove_file(folder.join("shop.db")).unwrap();
    let around = format!(
        "#include <iostream>\n#include <renkei.hpp>\nint main()\n{{\nconst char *blueprint_json = R\"({})\";\n{}}}\n",
        r#"{"databases": [{"code": "items", "name": "i", "fields": [{"code": "code", "name": "c", "type": "key"}]}]}"#,
        program_of_the_readme("cpp")
    );
    std::fs::write(folder.join("readme.cpp"), around).unwrap();
    let program = compile(&folder.join("readme.cpp"), Link::Static, &[]);
    assert_eq!(text(&done(Command::new(program).current_dir(&folder))), "A-1\n");

    std::fs::remove_file(folder.join("shop.db")).unwrap();
    if has("python3") {
        let program = format!("import renkei\n{}", program_of_the_readme("python"));
        let told = text(&done(python().arg("-c").arg(program).current_dir(&folder)));
        assert_eq!(told, "A-1\n");
    }
}

#[test]
fn declarations_are_read_as_they_stand() {
    let functions = header::functions(&read_header());
    let find = |name: &str| -> &Function {
        functions.iter().find(|function| function.name == name).unwrap_or_else(|| panic!("{name}"))
    };
    assert_eq!(find("renkei_version").parameters.len(), 0);
    assert_eq!(find("renkei_version").result, "const char *");
    let open = find("renkei_store_open");
    assert_eq!(open.result, "renkei_status");
    assert_eq!(open.parameters[0], ("const char *".to_owned(), "path".to_owned()));
    assert_eq!(open.parameters[3], ("renkei_store **".to_owned(), "out_store".to_owned()));
}
