//! A small, real HTTP/1.1 host around the Web API: programs that talk to 働くDB / 楽楽販売 talk to it unchanged.
//!
//! `cargo run --release --example host` makes a demo store of real data, prints a token and a `curl` line for each of the
//! nine functions, and serves them until Ctrl-C; `-- --help` tells the rest.
//!
//! | file | does |
//! | --- | --- |
//! | `arguments.rs` | the command line |
//! | `demo.rs` | the demo store and the `curl` lines |
//! | `server.rs` | connections: accepted, bounded in number and time, closed with care |
//! | `exchange.rs` | one request handed to the dispatcher, one response handed to the client |
//! | `journal.rs` | what is logged, on the standard error output |

mod arguments;
mod demo;
mod exchange;
mod journal;
mod server;

use std::net::TcpListener;
use std::process::ExitCode;

use renkei::webapi::WebApi;
use renkei::{Blueprint, NewToken, Store, StoreOptions, Worker};

use arguments::{Arguments, HELP, Stop};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--help" || word == "-h") {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    match Arguments::parse(&words).and_then(|arguments| run(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => {
            eprintln!("error: {}", stop.what);
            if stop.code == 2 {
                eprintln!("Try --help.");
            }
            ExitCode::from(stop.code)
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Stop> {
    journal::start(arguments.quiet);
    if let Some(user) = &arguments.issue_token {
        let store = open(arguments)?;
        println!("{}", store.issue_token(&NewToken::of(user))?.secret());
        return Ok(());
    }
    if arguments.definitions {
        println!("{}", open(arguments)?.blueprint()?.to_json());
        return Ok(());
    }
    if let Some(process) = arguments.rejects {
        open(arguments)?.write_rejects(process, std::io::stdout().lock())?;
        return Ok(());
    }
    // Before anything is made: who has the address already is not disturbed.
    let listener = TcpListener::bind(&arguments.listen).map_err(|error| match error.kind() {
        std::io::ErrorKind::InvalidInput => Stop::arguments(format!(
            "--listen {}: an address with a port is needed, as 127.0.0.1:8080",
            arguments.listen
        )),
        _ => Stop::failure(format!("cannot listen on {}: {error}", arguments.listen)),
    })?;
    let base = format!("http://{}/{}", listener.local_addr()?, arguments.account);
    let store = if arguments.store.is_some() { open(arguments)? } else { demo::make(&base, arguments)? };
    let api = WebApi::with_options(&store, &arguments.account, arguments.options.clone())?;
    api.set_maintenance(arguments.maintenance);
    let worker = Worker::new(&store).network(arguments.network.clone()).start()?;
    server::run(listener, api, &arguments.limits, worker, &base)?;
    Ok(())
}

/// How stores are opened: many threads read here, and the cache of each counts.
fn options() -> StoreOptions {
    let mut options = Store::options();
    options.reader_cache_bytes(4 << 20);
    options
}

/// Opens the store that was asked for, and brings it in line with the blueprint and the proxies.
fn open(arguments: &Arguments) -> Result<Store, Stop> {
    let path = arguments.store.as_deref().unwrap_or_else(|| demo::STORE.as_ref());
    let makes = arguments.blueprint.is_some();
    if !makes && !path.exists() {
        let what = format!("there is no store {}: give --blueprint, and it is made", path.display());
        return Err(Stop::arguments(what));
    }
    let store = options().create(makes).open(path)?;
    let mut blueprint = match &arguments.blueprint {
        None => Blueprint::new(),
        Some(path) => {
            let about = |error: &dyn std::fmt::Display| Stop::arguments(format!("{}: {error}", path.display()));
            let json = std::fs::read_to_string(path).map_err(|error| about(&error))?;
            Blueprint::from_json(&json).map_err(|error| about(&error))?
        }
    };
    if !arguments.proxies.is_empty() {
        let mut access = blueprint.access.take().map_or_else(|| store.access(), Ok)?;
        access.trusted_proxies.clone_from(&arguments.proxies);
        blueprint.access = Some(access);
    }
    for change in store.apply(&blueprint)? {
        log::info!("{} \"{}\": {}", change.kind, change.code, change.what);
    }
    Ok(store)
}
