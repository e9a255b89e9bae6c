//! The command line.

use std::iter::Peekable;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use renkei::csv::OutputEncoding;
use renkei::webapi::Options;
use renkei::{AddressRange, Error, Kind, NetworkPolicy};

use crate::server::Limits;

pub const HELP: &str = "\
Serves the Web API of a store over HTTP/1.1.

    host [--store FILE] [options]

Without --store it makes a demo store from examples/data, and prints a token and a curl line for each function.

What is served:
    --store FILE            the store; it is made if there is none and a blueprint is given
    --blueprint B.json      the definitions, applied before anything else
    --account NAME          the first segment of every path; default: abc1de2
    --listen ADDRESS:PORT   default: 127.0.0.1:8080; with port 0 the system chooses one, and it is printed
    --proxy-trust RANGE...  the proxies (192.0.2.7, 10.0.0.0/8) whose X-Forwarded-For is believed; kept in the store
    --network-allow NAME... the receivers of deliveries beyond the public internet: ranges, addresses or host names
    --issue-token USER      issue a token for this user of the store, print it, and serve nothing
    --definitions           print the definitions of the store with the ids that calls name, as JSON, and serve nothing
    --rejects PROCESS       print what an import has refused, as the CSV file to be mended, and serve nothing
    --maintenance           begin in maintenance mode; the signal USR1 switches it off and on

How much of it:
    --upload-mib N          the largest uploaded file; default: 5
    --upload-lines N        the most lines of one; default: 50000
    --export-records N      the most records of one csvexport; default: 10000
    --export-cp932          CSV in Shift_JIS instead of UTF-8
    --connections N         connections at once; more wait until one is free; default: 256
    --patience SECONDS      how long a client may say nothing, in the middle of something or between two requests;
                            default: 30
    --farewell SECONDS      how long answers that have begun may still take when the host is stopped; default: 10
    --quiet                 log no requests, only what went wrong

Encryption is the business of a proxy in front. The signals TERM and INT stop it gracefully: answers are finished, and a
running import is parked where it is and goes on when the host is started again.

Exit code: 0 when it was stopped, 1 when something failed, 2 when the arguments do not fit.
";

/// What the command line says.
#[derive(Debug)]
pub struct Arguments {
    pub store: Option<PathBuf>,
    pub blueprint: Option<PathBuf>,
    pub account: String,
    pub listen: String,
    pub proxies: Vec<AddressRange>,
    pub network: NetworkPolicy,
    pub issue_token: Option<String>,
    pub definitions: bool,
    pub rejects: Option<i64>,
    pub maintenance: bool,
    pub options: Options,
    pub limits: Limits,
    pub quiet: bool,
}

/// Why the program ends.
pub struct Stop {
    pub code: u8,
    pub what: String,
}

impl Stop {
    /// The arguments are wrong.
    pub fn arguments(what: impl Into<String>) -> Stop {
        Stop { code: 2, what: what.into() }
    }

    pub fn failure(what: impl Into<String>) -> Stop {
        Stop { code: 1, what: what.into() }
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Stop {
        match error.kind() {
            Kind::Usage | Kind::Definition | Kind::Incompatible => Stop::arguments(error.to_string()),
            _ => Stop::failure(error.to_string()),
        }
    }
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Stop {
        Stop::failure(error.to_string())
    }
}

impl Arguments {
    pub fn parse(words: &[String]) -> Result<Arguments, Stop> {
        let mut arguments = Arguments {
            store: None,
            blueprint: None,
            account: "abc1de2".to_owned(),
            listen: "127.0.0.1:8080".to_owned(),
            proxies: Vec::new(),
            network: NetworkPolicy::new(),
            issue_token: None,
            definitions: false,
            rejects: None,
            maintenance: false,
            options: Options::default(),
            limits: Limits::default(),
            quiet: false,
        };
        let mut words = words.iter().map(String::as_str).peekable();
        while let Some(word) = words.next() {
            match word {
                "--maintenance" => arguments.maintenance = true,
                "--quiet" => arguments.quiet = true,
                "--definitions" => arguments.definitions = true,
                "--export-cp932" => arguments.options.export_encoding = OutputEncoding::Cp932,
                "--proxy-trust" => {
                    for range in several(word, &mut words)? {
                        arguments.proxies.push(number(word, range)?);
                    }
                }
                "--network-allow" => {
                    for line in several(word, &mut words)? {
                        arguments.network = arguments.network.allow(line)?;
                    }
                }
                option => {
                    let value = words.next_if(|word| !word.starts_with("--"));
                    arguments.set(option, value)?;
                }
            }
        }
        if arguments.blueprint.is_some() && arguments.store.is_none() {
            return Err(Stop::arguments("--blueprint says what a store is to hold: name it with --store"));
        }
        Ok(arguments)
    }

    fn set(&mut self, option: &str, value: Option<&str>) -> Result<(), Stop> {
        let given = || value.ok_or_else(|| Stop::arguments(format!("{option} needs a value")));
        let options = &mut self.options;
        match option {
            "--store" => self.store = Some(given()?.into()),
            "--blueprint" => self.blueprint = Some(given()?.into()),
            "--account" => self.account = given()?.to_owned(),
            "--listen" => self.listen = given()?.to_owned(),
            "--issue-token" => self.issue_token = Some(given()?.to_owned()),
            "--rejects" => self.rejects = Some(number(option, given()?)?),
            "--upload-mib" => options.upload_bytes = (at_least_one(option, given()?)? as u64) << 20,
            "--upload-lines" => options.upload_lines = number(option, given()?)?,
            "--export-records" => options.export_records_most = number(option, given()?)?,
            "--connections" => self.limits.connections = at_least_one(option, given()?)?,
            "--patience" => self.limits.patience = Duration::from_secs(at_least_one(option, given()?)? as u64),
            "--farewell" => self.limits.farewell = Duration::from_secs(at_least_one(option, given()?)? as u64),
            other if other.starts_with('-') => return Err(Stop::arguments(format!("there is no option {other}"))),
            other => return Err(Stop::arguments(format!("{other} follows no option"))),
        }
        Ok(())
    }
}

/// The values of an option that takes one or more.
fn several<'a>(option: &str, words: &mut Peekable<impl Iterator<Item = &'a str>>) -> Result<Vec<&'a str>, Stop> {
    let values: Vec<&str> = std::iter::from_fn(|| words.next_if(|word| !word.starts_with('-'))).collect();
    match values.is_empty() {
        true => Err(Stop::arguments(format!("{option} needs at least one range of addresses"))),
        false => Ok(values),
    }
}

fn number<T: FromStr<Err: std::fmt::Display>>(option: &str, value: &str) -> Result<T, Stop> {
    value.parse().map_err(|error| Stop::arguments(format!("{option} {value}: {error}")))
}

/// A number of things that there must be, and of which there is some end.
fn at_least_one(option: &str, value: &str) -> Result<usize, Stop> {
    match number(option, value)? {
        count @ 1..=10_000 => Ok(count),
        other => Err(Stop::arguments(format!("{option} {other}: from 1 to 10000"))),
    }
}
