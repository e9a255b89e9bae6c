//! The Web API: one HTTP request value in, one response value out. No sockets; a host puts its HTTP server around it.
//!
//! [`WebApi`] serves the nine functions by which outside programs talk to 働くDB / 楽楽販売, so that their programs talk to a
//! host of this crate unchanged:
//!
//! | path behind the account | does |
//! | --- | --- |
//! | `api/fileupload` | keeps a CSV file for 24 hours |
//! | `api/csvimport` | reserves the import of a kept file |
//! | `api/csvdataimport` | both at once |
//! | `api/checkcsvimportprocess` | tells how far an import is |
//! | `api/csvexport` | gives records as CSV, in chunks |
//! | `apirecord/regist` | registers a record |
//! | `apirecord/update` | changes a record |
//! | `apirecord/delete` | deletes a record |
//! | `apirecord/view` | gives a record as people see it |
//!
//! Each is called by `POST /{account}/{group}/{function}/version/v1` with the token of a user in the header
//! `X-HD-apitoken`. The codes of refusals stand in two tables: [`OuterCode`] and [`InnerCode`].
//!
//! ```
//! use renkei::webapi::{Request, WebApi};
//! use renkei::{Blueprint, Database, Field, NewToken, Right, Store, User};
//!
//! # let dir = tempfile::tempdir().unwrap();
//! let store = Store::create(dir.path().join("shop.db"))?;
//! store.apply(
//!     &Blueprint::new()
//!         .database(Database::new("orders", "受注").field(Field::key("number", "番号")).field(Field::text("state", "状態")))
//!         .user(User::new("shop", "EC連携").allow("orders", [Right::View, Right::Register])),
//! )?;
//! let token = store.issue_token(&NewToken::of("shop"))?;
//! let api = WebApi::new(&store, "abc1de2")?;
//!
//! let database = store.database("orders")?.id.unwrap();
//! let call = |function: &str, json: String| {
//!     let target = format!("/abc1de2/apirecord/{function}/version/v1");
//!     let request = Request::new("POST", target).header("X-HD-apitoken", token.secret()).body(json.into_bytes());
//!     api.handle(request)
//! };
//! let response = call("regist", format!(r#"{{"dbSchemaId":{database},"values":{{"number":"A-1","state":"受付"}}}}"#));
//! assert_eq!(response.status(), 200);
//! let response = call("view", format!(r#"{{"dbSchemaId":{database},"keyId":"A-1","responseType":1}}"#));
//! assert!(String::from_utf8_lossy(response.body_bytes().unwrap()).contains(r#""番号":"A-1","状態":"受付""#));
//! # Ok::<(), renkei::Error>(())
//! ```

mod body;
mod call;
mod codes;
mod envelope;
mod exports;
mod functions;
mod imports;
mod json;
mod multipart;
mod openapi;
mod parameters;
mod records;
mod request;
mod response;
mod target;
mod values;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub use codes::{InnerCode, OuterCode};
pub use openapi::openapi;
pub use request::Request;
pub use response::{Body, Response};

use crate::csv::OutputEncoding;
use crate::error::{Code, Error, Result};
use crate::store::Store;
use envelope::{Frame, Refusal};
use json::Json;

/// What of an unread request body is read all the same, so that a client that is still sending sees the answer.
const DRAINED: u64 = 16 << 20;

/// What a dispatcher allows and how it answers. Made with [`Options::default`] and changed member by member.
///
/// ```
/// use renkei::webapi::Options;
///
/// let mut options = Options::default();
/// options.upload_bytes = 100 << 20;
/// options.upload_lines = 1_000_000;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// The largest JSON, as a body or as a part, in bytes. Default: 4 MiB.
    pub json_bytes: u64,
    /// The largest uploaded file, in bytes. Default: 5 MiB.
    pub upload_bytes: u64,
    /// The most lines of an uploaded file; line breaks inside quoted cells do not count. Default: 50,000.
    pub upload_lines: u64,
    /// How many records `csvexport` gives when no `limit` is asked for. Default: 200.
    pub export_records: u64,
    /// The most records that `csvexport` gives; a greater `limit` is cut to it. Default: 10,000.
    pub export_records_most: u64,
    /// The encoding of CSV. In cp932, characters it does not have become `?`. Default: UTF-8 with a byte order mark.
    pub export_encoding: OutputEncoding,
    /// The HTML that is sent while there is maintenance, behind the line that clients look for.
    pub maintenance_page: String,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            json_bytes: 4 << 20,
            upload_bytes: 5 << 20,
            upload_lines: 50_000,
            export_records: 200,
            export_records_most: 10_000,
            export_encoding: OutputEncoding::Utf8Bom,
            maintenance_page: "<!DOCTYPE html>\n<html lang=\"ja\"><head><meta charset=\"UTF-8\">\
                <title>メンテナンス中</title></head><body><p>ただいまメンテナンス中です。</p></body></html>\n"
                .to_owned(),
        }
    }
}

/// The dispatcher of the Web API of one store. Cheap to clone, and usable from any number of threads at once.
///
/// It acts as the user whose token a request brings, within his rights, and counts his calls; addresses are judged behind
/// the proxies that the settings of access trust. Imports are only reserved: a [`Worker`](crate::Worker) runs them.
#[derive(Clone)]
pub struct WebApi {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    account: String,
    options: Options,
    maintenance: AtomicBool,
}

impl WebApi {
    /// A dispatcher for a store. `account` is the first segment of its paths.
    ///
    /// # Errors
    ///
    /// [`Code::Argument`] when the account is empty, or has characters other than ASCII letters, digits, `-`, `_`, `.`.
    pub fn new(store: &Store, account: impl Into<String>) -> Result<WebApi> {
        WebApi::with_options(store, account, Options::default())
    }

    /// As [`WebApi::new`], with options.
    ///
    /// # Errors
    ///
    /// As [`WebApi::new`].
    pub fn with_options(store: &Store, account: impl Into<String>, options: Options) -> Result<WebApi> {
        let account = account.into();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if account.is_empty() || !account.bytes().all(plain) {
            let rule = format!("the account {account:?} is no segment of a path: take ASCII letters and digits");
            return Err(Error::new(Code::Argument).with_rule(rule));
        }
        let inner = Inner { store: store.clone(), account, options, maintenance: AtomicBool::new(false) };
        Ok(WebApi { inner: Arc::new(inner) })
    }

    /// The account.
    pub fn account(&self) -> &str {
        &self.inner.account
    }

    /// The options.
    pub fn options(&self) -> &Options {
        &self.inner.options
    }

    /// Switches maintenance on or off, for all clones of this dispatcher. While it is on, every request is answered with
    /// HTTP 200 and an HTML page whose first line is `Status: 503 Maintenance mode`, which clients look for.
    pub fn set_maintenance(&self, on: bool) {
        self.inner.maintenance.store(on, Ordering::Relaxed);
    }

    /// Whether there is maintenance.
    pub fn is_in_maintenance(&self) -> bool {
        self.inner.maintenance.load(Ordering::Relaxed)
    }

    /// Answers a request. It never fails and never panics: whatever goes wrong is an answer.
    pub fn handle(&self, mut request: Request<'_>) -> Response {
        let response = catch_unwind(AssertUnwindSafe(|| self.inner.handle(&mut request)));
        let mut response = response.unwrap_or_else(|_| {
            log::error!("a call of the Web API ended by a fault");
            Frame::new(&self.inner.store, target::url(&request))
                .refuse(&Json::Object(Vec::new()), &Refusal::from(OuterCode::Internal))
        });
        // Who waits to be told to go on has not sent anything.
        if request.header_value("expect").is_none() {
            let _ = catch_unwind(AssertUnwindSafe(|| request.body.drain(DRAINED)));
        }
        response.closes = !request.body.has_ended();
        response
    }
}

impl std::fmt::Debug for WebApi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebApi")
            .field("store", &self.inner.store)
            .field("account", &self.inner.account)
            .field("options", &self.inner.options)
            .field("maintenance", &self.inner.maintenance)
            .finish()
    }
}
