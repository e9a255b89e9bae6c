//! Mails of the host, and mails by templates: composed, frozen, queued.

use std::io::{Read, Write};
use std::time::Duration;

use super::super::delivery::{Body, Channel, NewDelivery, enqueue};
use super::address::Mailbox;
use super::compose::{Parts, compose};
use super::server::MailServer;
use crate::access;
use crate::error::{Code, Error, Result, Words, words};
use crate::schema::documents;
use crate::store::bytes::{self, BytesWriter};
use crate::store::{Store, Writing};

/// The kind of the deliveries of mails.
pub(super) const KIND: &str = "mail";

/// A larger mail is stored in pieces.
const WHOLE_BYTES: usize = 64 << 10;

/// What nobody took, because its maker died, is kept so long.
const UNTAKEN: Duration = Duration::from_secs(24 * 60 * 60);

/// The most receivers of one mail.
const RECEIVERS: usize = 100;

/// A mail to be sent by [`Store::send_mail`].
///
/// ```
/// use renkei::{Attachment, Mail};
///
/// let mail = Mail::new("office", "請求書のご送付")
///     .to("山田商店 <yamada@example.co.jp>")
///     .text("いつもお世話になっております。\n請求書をお送りします。")
///     .attach(Attachment::bytes("請求書.csv", "番号,金額\r\nA-1,3300\r\n"));
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Mail {
    pub(crate) server: String,
    pub(crate) from: Option<String>,
    pub(crate) to: Vec<String>,
    pub(crate) cc: Vec<String>,
    pub(crate) bcc: Vec<String>,
    pub(crate) reply_to: Option<String>,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: Option<String>,
    pub(crate) attachments: Vec<Attachment>,
    pub(crate) token: Option<String>,
    pub(crate) is_automatic: bool,
}

/// A file that goes with a mail.
#[derive(Debug, Clone, PartialEq)]
pub struct Attachment {
    name: Option<String>,
    content_type: Option<String>,
    content: Content,
}

#[derive(Debug, Clone, PartialEq)]
enum Content {
    Bytes(Vec<u8>),
    File(i64),
}

impl Attachment {
    /// Bytes under a name.
    pub fn bytes(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Attachment {
        Attachment { name: Some(name.into()), content_type: None, content: Content::Bytes(bytes.into()) }
    }

    /// A stored file, such as the value of a file field, under its own name.
    pub fn file(id: i64) -> Attachment {
        Attachment { name: None, content_type: None, content: Content::File(id) }
    }

    /// The stored file, where it is one.
    pub(crate) fn file_id(&self) -> Option<i64> {
        match self.content {
            Content::File(id) => Some(id),
            Content::Bytes(_) => None,
        }
    }

    /// Sets the MIME type, such as `text/csv; charset=UTF-8`. Default: by the end of the name.
    pub fn content_type(mut self, content_type: impl Into<String>) -> Attachment {
        self.content_type = Some(content_type.into());
        self
    }
}

impl Mail {
    /// A mail without receivers yet, by a mail server of the store.
    pub fn new(server: impl Into<String>, subject: impl Into<String>) -> Mail {
        Mail { server: server.into(), subject: subject.into(), ..Mail::default() }
    }

    /// Sets the sender, instead of that of the server.
    pub fn from(mut self, address: impl Into<String>) -> Mail {
        self.from = Some(address.into());
        self
    }

    /// Adds a receiver: an address, or a name and an address in `<>`.
    pub fn to(mut self, address: impl Into<String>) -> Mail {
        self.to.push(address.into());
        self
    }

    /// Adds a receiver of a copy.
    pub fn cc(mut self, address: impl Into<String>) -> Mail {
        self.cc.push(address.into());
        self
    }

    /// Adds a receiver of a copy of whom the others do not see.
    pub fn bcc(mut self, address: impl Into<String>) -> Mail {
        self.bcc.push(address.into());
        self
    }

    /// Sets where answers go.
    pub fn reply_to(mut self, address: impl Into<String>) -> Mail {
        self.reply_to = Some(address.into());
        self
    }

    /// Sets the text.
    pub fn text(mut self, text: impl Into<String>) -> Mail {
        self.text = text.into();
        self
    }

    /// Sets the same as HTML, for programs that show it.
    pub fn html(mut self, html: impl Into<String>) -> Mail {
        self.html = Some(html.into());
        self
    }

    /// Adds a file.
    pub fn attach(mut self, attachment: Attachment) -> Mail {
        self.attachments.push(attachment);
        self
    }

    /// A token of the caller's own: a second mail with the same token gives the first one's delivery.
    pub fn token(mut self, token: impl Into<String>) -> Mail {
        self.token = Some(token.into());
        self
    }
}

impl Store {
    /// Queues a mail; the id of its delivery. A [`Worker`](crate::Worker) sends it, as often as the plan of the mail server
    /// says, until the server takes it. Line ends and other control characters in subject and addresses are refused. For the
    /// host and administrators; users send by templates ([`Store::send_mail_about`]).
    ///
    /// # Errors
    ///
    /// [`Code::MailFeature`] when this library was built without the feature `mail`; [`Code::DefinitionNotFound`] for the
    /// mail server; [`Code::MailInvalid`] for what cannot be sent; [`Code::LimitPassed`] when it is larger than the server
    /// takes; [`Code::FileNotFound`].
    pub fn send_mail(&self, mail: &Mail) -> Result<i64> {
        access::demand_administrator(self, &*self.reading()?, "send_mail")?;
        self.queue_mail(mail)
    }

    pub(super) fn queue_mail(&self, mail: &Mail) -> Result<i64> {
        let server = {
            let reading = self.reading()?;
            documents::get::<MailServer>(&reading, None, &mail.server)?
        };
        let ready = Ready::of(self, &server, mail)?.stored(self)?;
        self.write(|writing| ready.queue(self, writing))
    }
}

/// A mail that was composed.
pub(crate) struct Ready {
    delivery: NewDelivery,
}

impl Ready {
    /// Judges and composes a mail.
    pub(crate) fn of(store: &Store, server: &MailServer, mail: &Mail) -> Result<Ready> {
        if !cfg!(feature = "mail") {
            return Err(Error::new(Code::MailFeature));
        }
        let invalid =
            |rule: Words| Error::new(Code::MailInvalid).with_value(mail.subject.escape_debug()).with_rule(rule);
        let mailboxes = |texts: &[String]| texts.iter().map(|text| Mailbox::parse(text)).collect::<Result<Vec<_>>>();
        let from = Mailbox::parse(mail.from.as_deref().unwrap_or(&server.from))?;
        let (to, cc, bcc) = (mailboxes(&mail.to)?, mailboxes(&mail.cc)?, mailboxes(&mail.bcc)?);
        let reply_to = mail.reply_to.as_deref().map(Mailbox::parse).transpose()?;
        let mut receivers: Vec<&str> = Vec::new();
        for mailbox in to.iter().chain(&cc).chain(&bcc) {
            if !receivers.contains(&mailbox.address.as_str()) {
                receivers.push(&mailbox.address);
            }
        }
        let count = receivers.len();
        if count == 0 || count > RECEIVERS {
            return Err(invalid(words!(
                "宛先が{count}件です（1～{RECEIVERS}件）",
                "it has {count} receivers: 1 to {RECEIVERS} are possible"
            )));
        }
        if mail.subject.chars().any(char::is_control) || mail.subject.len() > 2_000 {
            return Err(invalid(words!(
                "件名は制御文字のない1行（2,000バイトまで）です",
                "a subject is one line without control characters, of at most 2,000 bytes"
            )));
        }
        let attachments = mail.attachments.iter().map(|attachment| read(store, server, attachment));
        let attachments = attachments.collect::<Result<Vec<_>>>()?;
        let now = store.now();
        let mut random = [0; 16];
        store.random(&mut random);
        let bytes = compose(&Parts {
            from: &from,
            to: &to,
            cc: &cc,
            reply_to: reply_to.as_ref(),
            subject: &mail.subject,
            text: &mail.text,
            html: mail.html.as_deref(),
            attachments: &attachments,
            date: (store.local(now), store.utc_offset_seconds(now)),
            random: u128::from_be_bytes(random),
            is_automatic: mail.is_automatic,
        });
        if bytes.len() > usize::try_from(server.most_bytes).unwrap_or(usize::MAX) {
            return Err(too_large(server, bytes.len()));
        }
        let mut delivery = NewDelivery::http("MAIL", server.url());
        delivery.channel = Channel::Mail;
        delivery = delivery.header("mail-from", from.address.as_str());
        for receiver in receivers {
            delivery = delivery.header("rcpt-to", receiver);
        }
        delivery.body = Body::Bytes(bytes, Vec::new());
        delivery.sending = server.sending_of_mail();
        delivery.token.clone_from(&mail.token);
        delivery.kind = KIND;
        delivery.setting = server.id;
        Ok(Ready { delivery })
    }

    /// Puts a large mail into the store, in pieces. Not inside a transaction.
    pub(crate) fn stored(mut self, store: &Store) -> Result<Ready> {
        if let Body::Bytes(bytes, _) = &self.delivery.body
            && bytes.len() > WHOLE_BYTES
        {
            let mut writer = BytesWriter::new(store, "mail.eml", bytes.len() as u64, store.now().after(UNTAKEN))?;
            writer.write_all(bytes)?;
            self.delivery.body = Body::File(writer.finish()?.id);
        }
        Ok(self)
    }

    /// As [`Ready::stored`], in the transaction of the caller.
    pub(super) fn stored_in(mut self, store: &Store, writing: &Writing<'_>) -> Result<Ready> {
        if let Body::Bytes(whole, _) = &self.delivery.body
            && whole.len() > WHOLE_BYTES
        {
            let id = bytes::insert(store, writing, "mail.eml", whole, store.now().after(UNTAKEN))?;
            self.delivery.body = Body::File(id);
        }
        Ok(self)
    }

    /// Writes the delivery into the transaction.
    pub(crate) fn queue(self, store: &Store, writing: &Writing<'_>) -> Result<i64> {
        enqueue(store, writing, &self.delivery)
    }

    /// What it belongs to.
    pub(crate) fn in_run(mut self, run: i64) -> Ready {
        self.delivery.run = Some(run);
        self
    }
}

fn too_large(server: &MailServer, bytes: impl std::fmt::Display) -> Error {
    let (most, code) = (server.most_bytes, &server.code);
    let rule = words!("「{code}」のメールは{most}バイトまで", "a mail of at most {most} bytes by \"{code}\"");
    Error::new(Code::LimitPassed).with_rule(rule).with_value(bytes)
}

/// Name, type and bytes of an attachment.
fn read(store: &Store, server: &MailServer, attachment: &Attachment) -> Result<(String, String, Vec<u8>)> {
    let (stored_name, bytes) = match &attachment.content {
        Content::Bytes(bytes) => (None, bytes.clone()),
        Content::File(id) => {
            let file = store.file(*id)?;
            if file.bytes > u64::from(server.most_bytes) {
                return Err(too_large(server, file.bytes));
            }
            let mut bytes = Vec::new();
            store.read_file(*id)?.read_to_end(&mut bytes)?;
            (Some(file.name), bytes)
        }
    };
    let name = attachment.name.clone().or(stored_name).unwrap_or_default();
    let invalid = |ja: &str, en: &str| {
        Error::new(Code::MailInvalid).with_value(name.escape_debug()).with_rule(Words::both(ja, en))
    };
    if name.is_empty() || name.len() > 255 || name.chars().any(char::is_control) {
        return Err(invalid(
            "添付ファイル名は255バイトまでの1行です",
            "the name of an attachment is one line of at most 255 bytes",
        ));
    }
    let content_type = attachment.content_type.clone().unwrap_or_else(|| by_name(&name).to_owned());
    let is_type = content_type.contains('/') && content_type.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    match is_type && content_type.len() <= 200 {
        true => Ok((name, content_type, bytes)),
        false => Err(invalid("MIMEタイプが正しくありません", "its MIME type is none")),
    }
}

fn by_name(name: &str) -> &'static str {
    let end = name.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase()).unwrap_or_default();
    match end.as_str() {
        "csv" => "text/csv",
        "txt" => "text/plain",
        "html" | "htm" => "text/html",
        "xml" => "application/xml",
        "json" => "application/json",
        "pdf" => "application/pdf",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "zip" => "application/zip",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        _ => "application/octet-stream",
    }
}
