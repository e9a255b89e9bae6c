//! Writes a call of every function of the C header, whose arguments are drawn by the fuzzer, and what its structs are made
//! of: what is added to the header is fuzzed from then on.

use std::fmt::Write as _;
use std::path::Path;

#[path = "../capi/header.rs"]
#[allow(dead_code, reason = "the program of NULLs is for the tests")]
mod header;

const HEADER: &str = "../../include/renkei.h";

/// What is left out: a fault that is made on purpose, and what goes on in the background or waits for more to come, so
/// that the same input would not be the same run. `tests/capi/threads.c` has them.
const LEFT_OUT: [&str; 3] = ["renkei_store_panic_for_test", "renkei_worker_start", "renkei_worker_run_until_idle"];

fn main() {
    println!("cargo::rerun-if-changed={HEADER}");
    println!("cargo::rerun-if-changed=../capi/header.rs");
    let text = std::fs::read_to_string(HEADER).expect("the header is there");
    let out = std::env::var("OUT_DIR").expect("cargo says where");
    std::fs::write(Path::new(&out).join("calls.rs"), calls(&text) + &structs(&text)).expect("it can be written");
}

/// The type of an argument or a result as far as calls are concerned: pointers are addresses.
fn plain(of: &str) -> &str {
    match of {
        _ if of.contains('*') || of.ends_with("_fn") => "usize",
        "size_t" => "usize",
        "int64_t" => "i64",
        "uint64_t" => "u64",
        "uint32_t" => "u32",
        "int32_t" | "renkei_status" => "i32",
        other => panic!("a type that is not known: {other}"),
    }
}

fn calls(text: &str) -> String {
    let opaque: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("typedef struct ")?.strip_suffix(';')?.split(' ').nth(1))
        .collect();
    let functions: Vec<header::Function> =
        header::functions(text).into_iter().filter(|function| !LEFT_OUT.contains(&function.name.as_str())).collect();
    let mut declared = String::from("unsafe extern \"C\" {\n");
    let mut arms = String::new();
    for (at, function) in functions.iter().enumerate() {
        let parameters: Vec<String> =
            function.parameters.iter().enumerate().map(|(at, (of, _))| format!("a{at}: {}", plain(of))).collect();
        writeln!(declared, "    fn {}({}) -> {};", function.name, parameters.join(", "), plain(&function.result))
            .unwrap();
        writeln!(arms, "        {at} => {{").unwrap();
        let mut is_length = false;
        for (at, (of, name)) in function.parameters.iter().enumerate() {
            let next_is_length =
                function.parameters.get(at + 1).is_some_and(|(of, _)| of == "size_t" || of == "size_t *");
            let noun = of.trim_start_matches("const ").trim_end_matches(['*', ' ']);
            let drawn = match of.as_str() {
                _ if is_length => {
                    is_length = false;
                    continue;
                }
                "const char *" | "const void *" | "const uint8_t *" if next_is_length => {
                    is_length = true;
                    writeln!(arms, "            let (a{at}, a{}) = hand.text({name:?});", at + 1).unwrap();
                    continue;
                }
                "const int64_t *" => {
                    is_length = true;
                    writeln!(arms, "            let (a{at}, a{}) = hand.numbers();", at + 1).unwrap();
                    continue;
                }
                "void *" if name == "buffer" => {
                    is_length = true;
                    writeln!(arms, "            let (a{at}, a{}) = hand.buffer();", at + 1).unwrap();
                    continue;
                }
                "char **" | "const char **" | "const renkei_cell **" if next_is_length => {
                    is_length = true;
                    let what = if of.starts_with("char") {
                        "owned"
                    } else if noun == "char" {
                        "lent"
                    } else {
                        "cells"
                    };
                    writeln!(arms, "            let (a{at}, a{}) = hand.out_{what}();", at + 1).unwrap();
                    continue;
                }
                "renkei_error **" => "hand.out_error()".to_owned(),
                "void *" => "hand.memory()".to_owned(),
                _ if of.ends_with("**") => format!("hand.out_handle({:?})", noun.trim_end_matches(['*', ' '])),
                _ if opaque.contains(&noun) => format!("hand.handle({noun:?})"),
                _ if noun.starts_with("renkei_") && of.ends_with('*') => {
                    format!("hand.structure({noun:?}, {})", of.starts_with("const "))
                }
                _ if of.ends_with("_fn") => format!("hand.function({noun:?})"),
                _ if of.ends_with('*') => {
                    format!("hand.out_number({})", if plain(noun).ends_with("32") { 4 } else { 8 })
                }
                _ => format!("hand.number({name:?}) as {}", plain(of)),
            };
            writeln!(arms, "            let a{at} = {drawn};").unwrap();
        }
        let arguments: Vec<String> = (0..function.parameters.len()).map(|at| format!("a{at}")).collect();
        let call = format!("unsafe {{ {}({}) }}", function.name, arguments.join(", "));
        match function.result.as_str() {
            "renkei_status" => writeln!(arms, "            hand.ended({:?}, {call});", function.name).unwrap(),
            "const char *" => writeln!(arms, "            hand.told({:?}, {call});", function.name).unwrap(),
            _ => writeln!(arms, "            let _ = {call};\n            hand.forget();").unwrap(),
        }
        arms.push_str("        }\n");
    }
    declared.push_str("}\n");
    format!(
        "{declared}\n/// How many functions there are.\npub const FUNCTIONS: usize = {};\n\n\
         /// Calls one, with arguments as they are drawn.\npub fn call(which: usize, hand: &mut Hand<'_, '_>) {{\n    \
         match which {{\n{arms}        _ => unreachable!(),\n    }}\n}}\n",
        functions.len()
    )
}

/// What every struct is made of.
fn structs(text: &str) -> String {
    let mut out = String::from("\npub static STRUCTS: &[Struct] = &[\n");
    for part in text.split("typedef struct {").skip(1) {
        let (body, rest) = part.split_once("\n} ").expect("a struct ends");
        let name = rest.split_once(';').expect("a struct has a name").0;
        let mut members = String::new();
        let mut size = 0_usize;
        let mut rest = body.to_owned();
        while let (Some(from), Some(to)) = (rest.find("/*"), rest.find("*/")) {
            rest.replace_range(from..to + 2, "");
        }
        for member in rest.split(';').map(str::trim).filter(|member| !member.is_empty()) {
            let at = member.rfind([' ', '*']).expect("a member has a type") + 1;
            let (of, called) = (member[..at].trim(), &member[at..]);
            let (called, width, aligned) = match called.strip_suffix(']').and_then(|called| called.split_once('[')) {
                Some((called, count)) => (called, count.parse().expect("a size"), 1),
                None if plain(of).ends_with("32") => (called, 4, 4),
                None => (called, 8, 8),
            };
            size = size.next_multiple_of(aligned);
            writeln!(members, "        Member {{ offset: {size}, of: {of:?}, name: {called:?} }},").unwrap();
            size += width;
        }
        let size = size.next_multiple_of(8);
        writeln!(out, "    Struct {{ name: {name:?}, size: {size}, members: &[\n{members}    ] }},").unwrap();
    }
    out + "];\n"
}
