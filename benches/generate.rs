//! Makes the CSV file that the comparisons run on: customers, invented, the same for the same seed.
//!
//! `cargo bench --bench generate -- --rows 1000000 --encoding utf-8 --out customers.csv [--seed 1] [--changed 10]`
//!
//! `--changed 10` changes the points of every tenth row, for the update of what was imported before.

use std::fs::File;
use std::io::{BufWriter, Write};

mod customers;

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1).filter(|word| word != "--bench");
    let (mut rows, mut seed, mut changed, mut cp932, mut out) = (1_000_000u64, 1u64, 0u64, false, None);
    while let Some(word) = arguments.next() {
        let value = arguments.next().unwrap_or_default();
        match word.as_str() {
            "--rows" => rows = value.parse().expect("--rows takes a number"),
            "--seed" => seed = value.parse().expect("--seed takes a number"),
            "--changed" => changed = value.parse().expect("--changed takes a number"),
            "--encoding" => cp932 = value == "cp932",
            "--out" => out = Some(value),
            other => panic!("there is no option {other}"),
        }
    }
    // `cargo bench` without arguments runs every bench: nothing is asked for then.
    let Some(out) = out else { return Ok(()) };
    let mut file = BufWriter::with_capacity(1 << 20, File::create(out)?);
    write(&mut file, customers::HEADER, cp932)?;
    let mut line = String::new();
    for number in 1..=rows {
        customers::line(&mut line, number, seed, changed);
        write(&mut file, &line, cp932)?;
    }
    file.flush()
}

fn write(file: &mut impl Write, text: &str, cp932: bool) -> std::io::Result<()> {
    match cp932 {
        false => file.write_all(text.as_bytes()),
        true => file.write_all(&encoding_rs::SHIFT_JIS.encode(text).0),
    }
}
