//! Renkei (連携, "integration") keeps user-defined record databases in one SQLite file and moves records in and out of
//! it: import reservations, exports, typed records, searches. It is a library: it opens no socket, needs no async
//! runtime, and leaves screens and HTTP to its host.
//!
//! # In one minute
//!
//! ```
//! use renkei::{Blueprint, Condition, Database, Export, Field, ImportRequest, ImportSetting, Query, Store, Values, Worker};
//!
//! # let dir = tempfile::tempdir().unwrap();
//! # let path = dir.path().join("shop.db");
//! # let csv = dir.path().join("items.csv");
//! # std::fs::write(&csv, "品番,品名,単価\nA-1,りんご,120.00\nA-2,みかん,いくら？\n").unwrap();
//! let store = Store::create(&path)?;
//!
//! // What the store is to hold: applied as often as you like, also when it changes.
//! store.apply(
//!     &Blueprint::new()
//!         .database(
//!             Database::new("items", "商品")
//!                 .field(Field::key("code", "品番"))
//!                 .field(Field::text("name", "品名").required())
//!                 .field(Field::number("price", "単価", 2)),
//!         )
//!         .import(ImportSetting::new("items", "daily", "日次").column("code").column("name").column("price")),
//! )?;
//!
//! // Records, one by one.
//! store.records("items").register(&Values::new().set("code", "B-9").set("name", "ぶどう").set("price", "1980"))?;
//!
//! // A CSV file, reserved now and run by a worker.
//! let reserved = store.reserve_import(&ImportRequest::path("items", "daily", &csv))?;
//! Worker::new(&store).run_until_idle()?;
//! let status = store.import_status(reserved.process_id)?;
//! assert_eq!((status.counts.inserted, status.counts.rejected), (1, 1));
//! let reject = &store.rejects(reserved.process_id, 0, 10)?[0];
//! assert_eq!((reject.line, reject.column, reject.code.as_str()), (3, Some(3), "value.number"));
//!
//! // Out again.
//! let page = store.query("items", &Query::new().filter(Condition::at_least("price", "1000")))?;
//! assert_eq!(page.records[0].key(), "B-9");
//! let mut out = Vec::new();
//! store.export(&Export::of("items"), &mut out)?;
//! assert_eq!(String::from_utf8(out).unwrap(), "品番,品名,単価\r\nB-9,ぶどう,1980.00\r\nA-1,りんご,120.00\r\n");
//! # Ok::<(), renkei::Error>(())
//! ```
//!
//! # The house
//!
//! Each folder is a room, and rooms use only the rooms below them.
//!
//! | room | what it does | where to begin |
//! | --- | --- | --- |
//! | `capi` | the C ABI: a thin coat over all of this, behind the feature `capi` | `include/renkei.h` |
//! | `webapi` | the Web API of 働くDB / 楽楽販売: one request in, one response out | [`webapi`] |
//! | `blueprint` | one document of all definitions: apply, plan, dump | [`Blueprint`], [`Store::apply`] |
//! | `worker` | runs what is due | [`Worker`] |
//! | `maintenance` | the check of a whole store, and its copy while it is at work | [`Store::check`], [`Store::backup`] |
//! | `automation` | parts that are run for records, journalled step by step | [`Automation`], [`Store::start_automation`] |
//! | `notice` | mails that tell of changes of records | [`NoticeMail`], [`Store::notice_mail_status`] |
//! | `outbound` | what leaves the store: CSV pushes, http sends, mail; one queue of deliveries, sent at least once | [`CsvPush`], [`HttpSend`], [`MailServer`], [`NewDelivery`], [`Sending`] |
//! | `aggregation` | saved aggregations: tables of figures, cross tables, as CSV | [`AggregationSetting`], [`Store::run_aggregation`] |
//! | `document` | files generated from records: CSV, text, HTML, Markdown | [`FileTemplate`], [`Store::generate_file`] |
//! | `template` | texts with placeholders, whose values are escaped for where they stand | [`HttpSend`] |
//! | `export` | lists and searches to CSV | [`Export`], [`Store::export`] |
//! | `import` | settings, uploads, reservations, the run, rejects | [`ImportSetting`], [`Store::reserve_import`] |
//! | `job` | durable work: claims, leases, takeover after a crash | [`JobState`] |
//! | `record` | register, update, delete, view; detail rows, links, numbers | [`Records`], [`Values`], [`Record`] |
//! | `event` | what happened to records, for those who listen | |
//! | `query` | conditions, sort, paging, aggregation; saved lists and searches | [`Query`], [`Condition`] |
//! | `csv` | decoding and encoding, UTF-8 and Shift_JIS (cp932) | [`csv`] |
//! | `schedule` | when something is done again and again: plain words, or cron | [`Schedule`] |
//! | `access` | users and their rights, tokens, addresses, calls per minute, audit log | [`User`], [`Store::as_user`], [`Store::authenticate`] |
//! | `schema` | databases, fields, values and their rules, display formats, SQL tables | [`Database`], [`Field`], [`Value`] |
//! | `store` | the file: opening, connections, transactions, clock | [`Store`], [`StoreOptions`] |
//! | `error` | one error type, one table of codes and messages | [`Error`], [`Code`] |
//!
//! Data goes one way in (bytes → `csv` → typed values → the rules of `schema` → the record writer → SQL) and one way out.
//! Whichever door a value comes through, a Rust call or an import, it is judged in one place and written by one writer.
//!
//! # The words
//!
//! A *store* is one SQLite file. It holds *databases* (DB) of *records* (レコード) with typed *fields* (項目); one field is the
//! *key* (キー項目). A record may have *detail rows* (明細). A *list* (一覧) is a saved choice of columns, a *search* (絞込み) a
//! saved condition, an *import setting* (インポート設定) a saved mapping of CSV columns; an *import reservation*
//! (インポート予約) is one asked-for run of it. A *CSV push* (システム連携設定) sends the records of a list as CSV, an *http
//! send* (http送信) calls an outside API for one record; both are started from the *menu* of a list, and what they send is a
//! *delivery*.
//! An *automation* (自動処理) is a flow of *parts* (パーツ) that is run for records, from a menu or by other triggers.
//!
//! # Who acts
//!
//! A [`Store`] that was opened acts as the host program itself, which may do everything. [`Store::as_user`] and
//! [`Store::authenticate`] give handles that act on behalf of a user: he may do what the [`Right`]s of his definition say,
//! at every door alike, and nothing without them; records tell who created and who updated them. A host that answers calls
//! from outside asks [`Store::client_address`], [`Store::authenticate`] and [`Store::count_call`], and then uses the handle
//! it got; [`Store::note_audit`] remembers what came of it.
//!
//! The page [`definitions`] describes how all of these are written as JSON.
//!
//! # In the file
//!
//! One `STRICT` table a database, named by its code, one column a field, and `code__detail` for detail rows. Inside it is
//! compact: numbers are scaled integers (`12.50` with two decimal places is `1250`), dates are days and datetimes seconds
//! since 1970, a choice is the number of its label, a link the record id it names. For people there is a view
//! `code__view` with display names, labels and ISO dates. Do not write to the file with other tools, and do not open it
//! with a second copy of SQLite inside one process.
//!
//! Beside the file stand SQLite's own `-wal` and `-shm`, an empty `-turn` by which a process shows that it waits to write,
//! and, while imports run, a `-run-…` by which a runner shows that it lives; where calls from outside are counted and
//! noted, `-calls` (and `-calls-…` for users with a number of their own), and `-audit` with the lines of the audit log that
//! are not in the store yet. `-turn`, `-run-…` and `-calls` may be deleted when no process has the store open; the others
//! belong to the data. Where an export or a backup is being written there is a `.renkei-….part` with a `.renkei-….sign`;
//! what a process that died leaves of them is removed by the next export or backup to that directory, and by the workers of
//! a store that lies in it.
//!
//! # Threads and processes
//!
//! A [`Store`] is cheap to clone and may be used from any number of threads. Writers take turns in the order of their
//! arrival; readers see the last commit and wait for nobody. Several processes may share a file on a local disk. A long
//! import makes room as soon as somebody else wants to write; only atomic imports and dry runs hold their turn to the end.
//!
//! # Features
//!
//! `bundled` (default) compiles SQLite in; `tzdb` (default) compiles time zone data in; `http` (default) sends deliveries by
//! HTTP and HTTPS; `mail` sends mail; `capi` adds the C ABI, whose header is `include/renkei.h`.

#![deny(missing_docs)]
#![deny(unsafe_code)]

mod access;
mod aggregation;
mod automation;
mod blueprint;
#[cfg(feature = "capi")]
mod capi;
pub mod csv;
#[doc = include_str!("definitions.md")]
pub mod definitions {}
mod document;
mod error;
mod event;
mod export;
mod import;
mod job;
mod maintenance;
mod notice;
mod outbound;
mod query;
mod record;
mod schedule;
mod schema;
mod store;
mod template;
pub mod webapi;
mod worker;

pub use access::*;
pub use aggregation::{AggregationColumn, AggregationExport, AggregationSetting, AggregationTable};
pub use automation::*;
pub use blueprint::{Blueprint, DefinitionKind};
pub use document::{FileContent, FileCsv, FileRequest, FileTemplate, GeneratedFile};
pub use error::{Code, Error, Finding, Kind, Language, Result, Severity, Violation};
pub use export::*;
pub use import::*;
pub use job::{JobError, JobState, Report, ReportWhen};
pub use maintenance::*;
pub use notice::*;
pub use outbound::*;
pub use query::*;
pub use record::*;
pub use schedule::{Missed, MonthDay, Schedule, Weekday, When};
pub use schema::*;
pub use store::{
    Cancel, Clock, Limits, ManualClock, OsRandom, Random, SecretVault, Store, StoreOptions, Synchronous, SystemClock,
    Timestamp,
};
pub use template::{Escape, SecretSlot, SlottedText};
pub use worker::{Worker, WorkerHandle};

/// The program in the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
