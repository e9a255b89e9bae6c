//! Exports a whole database, for the comparison: `cargo bench --bench export -- STORE.db customers OUT.csv utf-8|cp932`.

use renkei::csv::{Format, OutputEncoding};
use renkei::{Export, Store};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    // `cargo bench` without arguments runs every bench: nothing is asked for then.
    let [store, database, out, encoding] = arguments.as_slice() else { return };
    let encoding = match encoding.as_str() {
        "cp932" => OutputEncoding::Cp932,
        _ => OutputEncoding::Utf8,
    };
    let store = Store::open(store).expect("the store opens");
    let export = Export::of(database).format(Format { encoding, ..Format::default() });
    // As the tools compared with do it: `Store::export_to_path` would wait for the disk at the end, too.
    let out = std::fs::File::create(out).expect("the output is created");
    store.export(&export, out).expect("the export is written");
}
