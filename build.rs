//! Makes the C header, when the C ABI is asked for.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    #[cfg(feature = "capi")]
    header::write();
}

#[cfg(feature = "capi")]
mod header {
    use std::path::{Path, PathBuf};
    use std::{env, fs};

    /// The files of the C ABI that declare something, in the order of the header.
    const PARTS: [&str; 38] = [
        "version",
        "status",
        "error",
        "memory",
        "log",
        "callback",
        "cancel",
        "clock",
        "store",
        "blueprint",
        "values",
        "write",
        "record",
        "transaction",
        "query",
        "rows",
        "file",
        "import",
        "export",
        "stream",
        "aggregation",
        "file_template",
        "schedule",
        "worker",
        "delivery",
        "push",
        "http_send",
        "automation",
        "mail",
        "secret",
        "verifier",
        "outgoing",
        "maintenance",
        "infer",
        "access",
        "webapi",
        "request",
        "response",
    ];

    /// A part of the header: its title and its functions with the Rust items that they stand for.
    struct Part {
        title: String,
        functions: Vec<(String, String)>,
    }

    /// The header goes to the output folder only; `include/renkei.h` is a copy that a test compares with it.
    pub fn write() {
        let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("set by Cargo"));
        println!("cargo:rerun-if-changed=src/capi");
        let config =
            cbindgen::Config::from_file(root.join("src/capi/cbindgen.toml")).expect("cbindgen.toml is readable");
        let mut builder = cbindgen::Builder::new().with_config(config);
        let mut parts = Vec::new();
        for name in PARTS {
            let path = root.join("src/capi").join(name).with_extension("rs");
            parts.push(part(&fs::read_to_string(&path).expect("the part is readable")));
            builder = builder.with_src(path);
        }
        let mut generated = Vec::new();
        builder.generate().expect("the C ABI can be declared").write(&mut generated);
        let generated = String::from_utf8(generated).expect("a header is text");
        let out = Path::new(&env::var_os("OUT_DIR").expect("set by Cargo")).join("renkei.h");
        fs::write(out, finished(&root, &generated, &parts)).expect("the header can be written");
    }

    /// Reads the title (the first line of the module's documentation) and the functions of a part.
    fn part(source: &str) -> Part {
        let title = source.lines().next().and_then(|line| line.strip_prefix("//! ")).expect("a part has a title");
        let mut functions = Vec::new();
        let mut documentation = String::new();
        let mut is_exported = false;
        for line in source.lines() {
            if let Some(text) = line.strip_prefix("///") {
                documentation.push_str(text);
            } else if line == "#[unsafe(no_mangle)]" {
                is_exported = true;
            } else if !line.starts_with("#[") {
                if let (true, Some((_, rest))) = (is_exported, line.split_once("fn ")) {
                    let name = rest.split('(').next().unwrap_or_default().to_owned();
                    let rust = documentation.rsplit_once("Rust: ").map(|(_, rust)| rust.replace('`', ""));
                    functions
                        .push((name.clone(), rust.unwrap_or_else(|| panic!("{name} does not say what it is in Rust"))));
                }
                documentation.clear();
                is_exported = false;
            }
        }
        Part { title: title.trim_end_matches('.').to_owned(), functions }
    }

    /// Puts the head before, titles between, and what C needs to fill structs behind.
    fn finished(root: &Path, generated: &str, parts: &[Part]) -> String {
        let version = |part: &str| env::var(format!("CARGO_PKG_VERSION{part}")).expect("set by Cargo");
        let head = fs::read_to_string(root.join("src/capi/head.h")).expect("the head is readable");
        let macros = fs::read_to_string(root.join("src/capi/macros.h")).expect("the macros are readable");
        let fill = |text: String| {
            text.replace("@VERSION@", &version(""))
                .replace("@MAJOR@", &version("_MAJOR"))
                .replace("@MINOR@", &version("_MINOR"))
                .replace("@PATCH@", &version("_PATCH"))
        };
        let mut header = fill(head).replace("@TABLE@\n", &table(parts));
        let mut structs = Vec::new();
        let mut block = String::new();
        for line in generated.lines() {
            // A declaration and the comment before it are one block.
            block.push_str(line);
            block.push('\n');
            if line.trim() == "#include <string.h>" {
                block.push('\n');
                block.push_str(&fill(macros.clone()));
            }
            if let Some(name) = line.strip_prefix("} ").and_then(|rest| rest.strip_suffix(';'))
                && block.contains("{\n    /**\n     * The size of this struct.\n")
            {
                structs.push(name.to_owned());
            }
            if !line.is_empty() {
                continue;
            }
            let declared = |function: &str| {
                let declaration = block.split_once("RENKEI_API\n").map_or("", |(_, declaration)| declaration);
                declaration.contains(&format!(" {function}(")) || declaration.contains(&format!("*{function}("))
            };
            let begun = parts.iter().find(|part| part.functions.first().is_some_and(|(first, _)| declared(first)));
            if let Some(part) = begun {
                let dashes = "-".repeat(100 - 8 - part.title.chars().count());
                header.push_str(&format!("/* -- {} {dashes} */\n\n", part.title));
            }
            if block.starts_with("#ifdef __cplusplus\n}") {
                header.push_str(&initializers(&structs));
            }
            header.push_str(&std::mem::take(&mut block));
        }
        if block.starts_with("#ifdef __cplusplus\n}") {
            header.push_str(&initializers(&structs));
        }
        header.push_str(&block);
        // Links of Rust documentation mean nothing in C.
        short_comments(&header.replace('`', ""))
    }

    /// Comments of one line take one line.
    fn short_comments(header: &str) -> String {
        let lines: Vec<&str> = header.lines().collect();
        let mut out = String::with_capacity(header.len());
        let mut at = 0;
        while at < lines.len() {
            let inside = lines.get(at + 1).and_then(|line| line.trim_start().strip_prefix("* "));
            let indent = lines[at].len() - lines[at].trim_start().len();
            match (lines[at].trim(), inside, lines.get(at + 2).map(|line| line.trim())) {
                ("/**", Some(inside), Some("*/")) if indent + inside.len() <= 112 => {
                    out.push_str(&format!("{}/** {inside} */\n", &lines[at][..indent]));
                    at += 3;
                }
                _ => {
                    out.push_str(lines[at]);
                    out.push('\n');
                    at += 1;
                }
            }
        }
        out
    }

    /// Which function of C is which item of Rust.
    fn table(parts: &[Part]) -> String {
        let mut table = String::new();
        for part in parts.iter().filter(|part| !part.functions.is_empty()) {
            table.push_str(&format!(" * {}\n", part.title));
            for (function, rust) in &part.functions {
                let words: Vec<&str> = rust.split(' ').filter(|word| !word.is_empty()).collect();
                let mut line = format!(" *   {function:<36}");
                for word in words {
                    if line.len() + word.len() > 98 {
                        table.push_str(line.trim_end());
                        table.push('\n');
                        line = format!(" *   {:<36}", "");
                    }
                    line.push(' ');
                    line.push_str(word);
                }
                table.push_str(line.trim_end());
                table.push('\n');
            }
        }
        table
    }

    /// Functions that make structs with their size set, for C and C++ alike.
    fn initializers(structs: &[String]) -> String {
        let mut text = String::from("/* -- Structs with their size set, and everything else 0 ");
        text.push_str(&"-".repeat(100 - 59));
        text.push_str(" */\n\n");
        for name in structs {
            text.push_str(&format!(
                "static inline {name} {name}_init(void)\n{{\n    {name} made;\n    memset(&made, 0, sizeof made);\n    \
                 made.size = sizeof made;\n    return made;\n}}\n\n"
            ));
        }
        text
    }
}
