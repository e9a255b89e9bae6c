//! Mail servers: by whom mail is sent, and in whose name.

use serde::{Deserialize, Serialize};

use super::super::pair::check_sending;
use super::super::retry::Statuses;
use super::super::sending::{Auth, Sending};
use super::address::Mailbox;
use crate::error::{Result, Words};
use crate::schema::documents::{self, check_code_and_name, documents, refused, unfit};

/// A mail server (SMTP) that mail is given to.
///
/// ```
/// use renkei::{MailSecurity, MailServer};
///
/// let server: MailServer = serde_json::from_str(r#"{
///     "code": "office", "name": "社内メール", "host": "mail.example.co.jp",
///     "from": "連携システム <renkei@example.co.jp>",
///     "sending": {"auth": {"type": "basic", "user": "renkei", "password": "mail-password"}}
/// }"#)?;
/// assert_eq!((server.security, server.port()), (MailSecurity::Starttls, 587));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailServer {
    /// The id; assigned when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    /// The machine name.
    pub code: String,
    /// The name shown to people.
    pub name: String,
    /// The host, or its address.
    pub host: String,
    /// The port. Default: 587 with STARTTLS, 465 with TLS, 25 without either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// How the connection is protected.
    #[serde(default)]
    pub security: MailSecurity,
    /// The sender of mails that name none, such as `連携システム <renkei@example.co.jp>`.
    pub from: String,
    /// The largest mail, in bytes, attachments and their encoding included. Default: 25 MiB.
    #[serde(default = "most_bytes")]
    pub most_bytes: u32,
    /// How it is sent: the account (`auth`, of the type `basic`), retries, timeouts. Success are the replies 200 to 299,
    /// tried again are 400 to 499, whatever stands here.
    #[serde(default)]
    pub sending: Sending,
}

fn most_bytes() -> u32 {
    25 << 20
}

/// How the connection to a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailSecurity {
    /// STARTTLS, without which nothing is sent.
    #[default]
    Starttls,
    /// TLS from the beginning.
    Tls,
    /// Not at all: for a server on the same machine or in a closed network. An account is refused with it, unless
    /// `danger_accept_any_certificate` says that anybody may read its password.
    None,
}

impl MailSecurity {
    /// How it stands in the URL of a delivery: as scheme and path.
    fn in_url(self) -> (&'static str, &'static str) {
        match self {
            MailSecurity::Starttls => ("smtp", "/"),
            MailSecurity::Tls => ("smtps", "/"),
            MailSecurity::None => ("smtp", "/plain"),
        }
    }

    /// As the URL of a delivery says.
    #[cfg(feature = "mail")]
    pub(super) fn of_url(scheme: &str, path: &str) -> MailSecurity {
        let all = [MailSecurity::Tls, MailSecurity::None];
        all.into_iter().find(|security| security.in_url() == (scheme, path)).unwrap_or(MailSecurity::Starttls)
    }
}

impl MailServer {
    /// A server that is reached with STARTTLS on port 587.
    pub fn new(
        code: impl Into<String>,
        name: impl Into<String>,
        host: impl Into<String>,
        from: impl Into<String>,
    ) -> MailServer {
        MailServer {
            id: None,
            code: code.into(),
            name: name.into(),
            host: host.into(),
            port: None,
            security: MailSecurity::default(),
            from: from.into(),
            most_bytes: most_bytes(),
            sending: Sending::default(),
        }
    }

    /// Sets how the connection is protected.
    pub fn security(mut self, security: MailSecurity) -> MailServer {
        self.security = security;
        self
    }

    /// Sets the port.
    pub fn at_port(mut self, port: u16) -> MailServer {
        self.port = Some(port);
        self
    }

    /// Sets how it is sent.
    pub fn sending(mut self, sending: Sending) -> MailServer {
        self.sending = sending;
        self
    }

    /// The port that is used.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.security {
            MailSecurity::Starttls => 587,
            MailSecurity::Tls => 465,
            MailSecurity::None => 25,
        })
    }

    /// The URL of its deliveries.
    pub(super) fn url(&self) -> String {
        let host = match self.host.contains(':') {
            true => format!("[{}]", self.host),
            false => self.host.clone(),
        };
        let (scheme, path) = self.security.in_url();
        format!("{scheme}://{host}:{}{path}", self.port())
    }

    /// How its deliveries are sent.
    pub(super) fn sending_of_mail(&self) -> Sending {
        let mut sending = self.sending.clone();
        sending.success = Statuses::success();
        sending.retry.statuses = Statuses::new([(400, 499)]);
        sending
    }

    pub(super) fn validate(&self) -> Result<()> {
        check_code_and_name(&self.code, &self.name)?;
        let fault = |ja: &str, en: &str| Err(refused(&self.code, Words::both(ja, en)));
        let is_host = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | ':');
        if self.host.is_empty() || !self.host.chars().all(is_host) {
            return fault("`host`がホスト名でもアドレスでもありません", "`host` is no name or address of a host");
        }
        if self.port == Some(0) {
            return fault("`port`が0です", "`port` is 0");
        }
        if let Err(error) = Mailbox::parse(&self.from) {
            return Err(unfit(&self.code, error));
        }
        match &self.sending.auth {
            None => {}
            Some(Auth::Basic { .. })
                if self.security == MailSecurity::None && !self.sending.danger_accept_any_certificate =>
            {
                let ja = "STARTTLSもTLSもなしでは、アカウントのパスワードが誰にでも読めます";
                return fault(ja, "without STARTTLS or TLS anybody could read the password of the account");
            }
            Some(Auth::Basic { .. }) => {}
            Some(_) => {
                let ja = "メールサーバのアカウントは種類「basic」です";
                return fault(ja, "the account of a mail server is of the type \"basic\"");
            }
        }
        if self.sending.signing.is_some() {
            return fault("メールにStandard Webhooksの署名は使用できません", "mail is not signed by Standard Webhooks");
        }
        Ok(())
    }
}

documents! { MailServer "mail_server"; }

/// Judges and keeps a mail server.
pub(crate) fn save(connection: &rusqlite::Connection, server: &mut MailServer) -> Result<i64> {
    server.validate()?;
    super::super::url::Url::parse(&server.url()).map_err(|error| unfit(&server.code, error))?;
    check_sending(connection, &server.code, &server.sending)?;
    documents::save(connection, None, server)
}
