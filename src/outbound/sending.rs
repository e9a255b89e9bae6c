//! How a delivery is sent: the part of a setting that says so.

use serde::{Deserialize, Serialize};

use super::retry::{RetryPlan, Statuses};
use super::{message, secret};
use crate::error::{Code, Error, Result, Words, words};

/// How the deliveries of a setting are sent. A part of CSV pushes and http sends, and frozen with every delivery.
///
/// ```
/// let sending: renkei::Sending = serde_json::from_str(r#"{
///     "target": "core", "auth": {"type": "bearer", "token": "core-token"}, "retry": {"jitter_percent": 0}
/// }"#).unwrap();
/// assert_eq!(sending.timeouts.total_seconds, 30);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sending {
    /// The code of the [`Target`](super::Target) whose limits hold. Default: that of the URL's origin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// When it is tried again.
    pub retry: RetryPlan,
    /// How long is waited for what.
    pub timeouts: Timeouts,
    /// The statuses that are a success. Default: 200-299.
    pub success: Statuses,
    /// How the receiver knows the sender.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// A signature by Standard Webhooks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing: Option<Signing>,
    /// Certificates of an authority that is trusted beside the public ones, as PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_certificates: Option<String>,
    /// Takes **any** certificate, so that anybody on the way can read and change what is sent, secrets included. For
    /// receivers in a test network only.
    #[serde(skip_serializing_if = "is_false")]
    pub danger_accept_any_certificate: bool,
    /// The most bytes of an answer that are read. What is longer is cut off, and no fault. Default: 1 MiB.
    pub answer_bytes: u32,
    /// The first bytes of an answer that are kept with each attempt. Default: 4,096.
    pub kept_answer_bytes: u32,
}

fn is_false(value: &bool) -> bool {
    !*value
}

impl Default for Sending {
    fn default() -> Sending {
        Sending {
            target: None,
            retry: RetryPlan::default(),
            timeouts: Timeouts::default(),
            success: Statuses::success(),
            auth: None,
            signing: None,
            ca_certificates: None,
            danger_accept_any_certificate: false,
            answer_bytes: 1 << 20,
            kept_answer_bytes: 4_096,
        }
    }
}

impl Sending {
    /// Judges what is not judged by the types.
    ///
    /// # Errors
    ///
    /// [`Code::DeliveryInvalid`], [`Code::SecretInvalid`].
    pub(crate) fn validate(&self) -> Result<()> {
        let fault = |rule: Words| {
            Err(Error::new(Code::DeliveryInvalid).with_value(words!("送信方法", "sending")).with_rule(rule))
        };
        if let Some(rule) = self.retry.fault() {
            return fault(words!("`retry`の{rule}", "retry: {rule}"; rule));
        }
        let Timeouts { connect_seconds, total_seconds } = self.timeouts;
        if connect_seconds == 0 || total_seconds == 0 || total_seconds > 86_400 {
            return fault(words!("`timeouts`は1～86,400秒です", "timeouts: they are from 1 to 86,400 seconds"));
        }
        if self.answer_bytes > 64 << 20 {
            return fault(words!("`answer_bytes`が64MiBを超えています", "`answer_bytes` is more than 64 MiB"));
        }
        if self.kept_answer_bytes > 1 << 20 {
            return fault(words!("`kept_answer_bytes`が1MiBを超えています", "`kept_answer_bytes` is more than 1 MiB"));
        }
        if self.ca_certificates.as_ref().is_some_and(|pem| !pem.contains("-----BEGIN CERTIFICATE-----")) {
            return fault(words!(
                "`ca_certificates`にPEM形式の証明書がありません",
                "`ca_certificates` has no certificate in PEM"
            ));
        }
        match &self.auth {
            Some(Auth::Basic { user, password }) => {
                if user.contains(':') || user.chars().any(char::is_control) {
                    return fault(words!(
                        "`auth`のユーザ名にコロンか制御文字があります",
                        "auth: the user's name has a colon or a control character"
                    ));
                }
                secret::check_name(password)?;
            }
            Some(Auth::Bearer { token }) => secret::check_name(token)?,
            Some(Auth::Header { name, value }) => {
                message::check_header(name, "")?;
                secret::check_name(value)?;
            }
            None => {}
        }
        if let Some(signing) = &self.signing {
            if signing.secrets.is_empty() {
                return fault(words!("`signing`の`secrets`が空です", "signing: `secrets` is empty"));
            }
            signing.secrets.iter().try_for_each(|name| secret::check_name(name))?;
        }
        Ok(())
    }
}

/// How long is waited for what, in seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timeouts {
    /// For a connection, TLS included. Default: 5.
    pub connect_seconds: u32,
    /// For one attempt as a whole, from the look-up of the name to the last byte of the answer. Default: 30. Large bodies
    /// need more.
    pub total_seconds: u32,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts { connect_seconds: 5, total_seconds: 30 }
    }
}

/// How the receiver knows the sender. Secrets are named, never written here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Auth {
    /// `Authorization: Basic …`
    Basic {
        /// The user's name.
        user: String,
        /// The name of the secret that is the password.
        password: String,
    },
    /// `Authorization: Bearer …`
    Bearer {
        /// The name of the secret that is the token.
        token: String,
    },
    /// A header of its own.
    Header {
        /// The name of the header.
        name: String,
        /// The name of the secret that is its value.
        value: String,
    },
}

/// A signature by Standard Webhooks: `webhook-id`, `webhook-timestamp`, `webhook-signature`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signing {
    /// The names of the secrets. While one replaces another, both stand here, and the message is signed by each.
    pub secrets: Vec<String>,
}
