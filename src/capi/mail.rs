//! Mail

use std::ffi::c_char;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::argument::{json, selector, text};
use super::ask;
use super::error::renkei_error;
use super::status::renkei_status;
use super::store::renkei_store;
use super::write::and;
use crate::error::{Code, Error, Result, Words, words};
use crate::outbound::{Attachment, Mail};

/// A mail to be sent, as JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    server: String,
    from: Option<String>,
    #[serde(default)]
    to: Vec<String>,
    #[serde(default)]
    cc: Vec<String>,
    #[serde(default)]
    bcc: Vec<String>,
    reply_to: Option<String>,
    subject: String,
    #[serde(default)]
    text: String,
    html: Option<String>,
    #[serde(default)]
    attachments: Vec<AttachmentForm>,
    token: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AttachmentForm {
    name: Option<String>,
    content_type: Option<String>,
    file: Option<i64>,
    text: Option<String>,
    base64: Option<String>,
}

impl AttachmentForm {
    fn attachment(self) -> Result<Attachment> {
        let fault = |rule: Words| Err(Error::new(Code::Argument).with_rule(rule));
        let attachment = match (self.file, self.text, self.base64, self.name) {
            (Some(file), None, None, None) => Attachment::file(file),
            (None, Some(text), None, Some(name)) => Attachment::bytes(name, text),
            (None, None, Some(encoded), Some(name)) => match STANDARD.decode(encoded) {
                Ok(bytes) => Attachment::bytes(name, bytes),
                Err(_) => return fault(words!("`base64`がBase64ではありません", "what \"base64\" has is no base64")),
            },
            _ => {
                return fault(words!(
                    "添付ファイルは`file`、または`name`と、`text`か`base64`で指定します",
                    "an attachment is a \"file\", or a \"name\" with a \"text\" or \"base64\""
                ));
            }
        };
        Ok(and(attachment, self.content_type, Attachment::content_type))
    }
}

impl Form {
    fn mail(self) -> Result<Mail> {
        let mut mail = Mail::new(self.server, self.subject).text(self.text);
        mail = self.to.into_iter().fold(mail, Mail::to);
        mail = self.cc.into_iter().fold(mail, Mail::cc);
        mail = self.bcc.into_iter().fold(mail, Mail::bcc);
        mail = and(mail, self.from, Mail::from);
        mail = and(mail, self.reply_to, Mail::reply_to);
        mail = and(mail, self.html, Mail::html);
        mail = and(mail, self.token, Mail::token);
        for attachment in self.attachments {
            mail = mail.attach(attachment.attachment()?);
        }
        Ok(mail)
    }
}

/// Queues a mail; a worker sends it, as often as the plan of the mail server says, until the server takes it. out_delivery_id
/// receives the id of its delivery: see renkei_delivery_status. For the host and administrators.
///
/// mail is a JSON object with server, subject, to, and cc, bcc, from, reply_to, text, html, token and attachments: objects with
/// "file" (the id of a stored file), or "name" and "text" or "base64"; also "content_type".
///
/// RENKEI_USAGE with the code "mail.feature" when the library was built without the feature mail.
///
/// Rust: `Store::send_mail`, `Mail::new`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_mail_send(
    store: *const renkei_store,
    mail: *const c_char,
    mail_len: usize,
    out_delivery_id: *mut i64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::value(store, (out_delivery_id, "out_delivery_id"), out_error, |store| {
            let form: Form = json(mail, mail_len, "mail")?;
            store.send_mail(&form.mail()?)
        })
    }
}

/// Queues the mail of a template of a database (by code or id) about the record with a key, or with a NULL key the one with an
/// id. See renkei_mail_send.
///
/// Rust: `Store::send_mail_about`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_mail_send_about(
    store: *const renkei_store,
    database: *const c_char,
    database_len: usize,
    mail_template: *const c_char,
    mail_template_len: usize,
    key: *const c_char,
    key_len: usize,
    id: i64,
    out_delivery_id: *mut i64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::value(store, (out_delivery_id, "out_delivery_id"), out_error, |store| {
            let database = text(database, database_len, "database")?;
            let template = text(mail_template, mail_template_len, "mail_template")?;
            store.send_mail_about(database, template, selector(key, key_len, id)?)
        })
    }
}

/// The mail servers of the store, as a JSON array of definitions. The caller frees the JSON by renkei_free.
///
/// Rust: `Store::mail_servers`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_mail_server_all(
    store: *const renkei_store,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe { ask::json(store, out_json, out_json_len, out_error, |store| store.mail_servers()) }
}

/// The mail templates of a database, as a JSON array of definitions. The caller frees the JSON.
///
/// Rust: `Store::mail_templates`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_mail_template_all(
    store: *const renkei_store,
    database: *const c_char,
    database_len: usize,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::json(store, out_json, out_json_len, out_error, |store| {
            store.mail_templates(text(database, database_len, "database")?)
        })
    }
}

/// The notice mails of a database, as a JSON array of definitions. The caller frees the JSON.
///
/// Rust: `Store::notice_mails`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_notice_mail_all(
    store: *const renkei_store,
    database: *const c_char,
    database_len: usize,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::json(store, out_json, out_json_len, out_error, |store| {
            store.notice_mails(text(database, database_len, "database")?)
        })
    }
}

/// How a notice mail stands: what waits, what was told, and why the last change that failed could not be told; database and
/// notice mail by code or id. The caller frees the JSON.
///
/// {"id": 100042, "enabled": true, "waiting": 0, "due_at": null, "told": 12, "mails": 24, "last_at": 1769819400000,
///  "failed": 0, "missed": 0, "error": null}
///
/// Rust: `Store::notice_mail_status`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_notice_mail_status(
    store: *const renkei_store,
    database: *const c_char,
    database_len: usize,
    notice_mail: *const c_char,
    notice_mail_len: usize,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::json(store, out_json, out_json_len, out_error, |store| {
            let database = text(database, database_len, "database")?;
            store.notice_mail_status(database, text(notice_mail, notice_mail_len, "notice_mail")?)
        })
    }
}
