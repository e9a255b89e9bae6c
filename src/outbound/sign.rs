//! Signatures by Standard Webhooks: HMAC-SHA256 over id, time and body, by each of the secrets in use.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::error::{Code, Error, Result, Words, words};
use crate::store::{Store, Timestamp};

/// How secrets for signing begin.
const PREFIX: &str = "whsec_";

impl Store {
    /// A new secret for signing, such as `whsec_…`, from the random source of the store. It is not kept: give it to
    /// [`Store::put_secret`] and to the receiver.
    pub fn new_signing_secret(&self) -> String {
        let mut bytes = Zeroizing::new([0; 32]);
        self.random(&mut *bytes);
        format!("{PREFIX}{}", STANDARD.encode(bytes.as_slice()))
    }
}

/// The key in a secret: what follows `whsec_` is base64, any other text is the key itself.
fn key(secret: &str) -> Result<Zeroizing<Vec<u8>>> {
    let Some(encoded) = secret.strip_prefix(PREFIX) else {
        return Ok(Zeroizing::new(secret.as_bytes().to_vec()));
    };
    let decoded = STANDARD.decode(encoded).map_err(|_| {
        let rule = words!("`whsec_`の後がBase64ではありません", "what follows whsec_ is no base64");
        Error::new(Code::SecretInvalid).with_value("whsec_…").with_rule(rule)
    })?;
    Ok(Zeroizing::new(decoded))
}

fn begin(key: &[u8], id: &str, seconds: i64) -> Result<Hmac<Sha256>> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key)
        .map_err(|_| Error::new(Code::Internal).with_rule("a key of HMAC has any length"))?;
    mac.update(format!("{id}.{seconds}.").as_bytes());
    Ok(mac)
}

/// Signs a message whose body comes in pieces.
pub(crate) struct Signer(Vec<Hmac<Sha256>>);

impl Signer {
    pub(crate) fn new<'a>(secrets: impl IntoIterator<Item = &'a str>, id: &str, seconds: i64) -> Result<Signer> {
        let signers = secrets.into_iter().map(|secret| begin(&key(secret)?, id, seconds));
        Ok(Signer(signers.collect::<Result<_>>()?))
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.iter_mut().for_each(|mac| mac.update(bytes));
    }

    /// The value of `webhook-signature`.
    pub(crate) fn finish(self) -> String {
        let signatures = self.0.into_iter().map(|mac| format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())));
        signatures.collect::<Vec<_>>().join(" ")
    }
}

/// Verifies messages signed by Standard Webhooks, as a receiver does.
///
/// ```
/// use renkei::{Timestamp, WebhookVerifier};
///
/// let verifier = WebhookVerifier::new().secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?;
/// verifier.verify(
///     "msg_p5jXN8AQM9LWM0D4loKWxJek",
///     "1614265330",
///     "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
///     br#"{"test": 2432232314}"#,
///     Timestamp(1_614_265_330_000),
/// )?;
/// # Ok::<(), renkei::Error>(())
/// ```
#[derive(Clone)]
pub struct WebhookVerifier {
    keys: Vec<Zeroizing<Vec<u8>>>,
    tolerance: Duration,
}

impl Default for WebhookVerifier {
    fn default() -> WebhookVerifier {
        WebhookVerifier { keys: Vec::new(), tolerance: Duration::from_secs(5 * 60) }
    }
}

impl WebhookVerifier {
    /// A verifier that knows no secret yet.
    pub fn new() -> WebhookVerifier {
        WebhookVerifier::default()
    }

    /// Adds a secret: a signature by any of them holds.
    ///
    /// # Errors
    ///
    /// [`Code::SecretInvalid`] when what follows `whsec_` is no base64.
    pub fn secret(mut self, secret: &str) -> Result<WebhookVerifier> {
        self.keys.push(key(secret)?);
        Ok(self)
    }

    /// How far the time of a message may be from now, so that old ones cannot be sent again by others. Default: 5 minutes.
    pub fn tolerance(mut self, tolerance: Duration) -> WebhookVerifier {
        self.tolerance = tolerance;
        self
    }

    /// Verifies a message by its headers `webhook-id`, `webhook-timestamp` and `webhook-signature`, and its body as it came.
    ///
    /// # Errors
    ///
    /// [`Code::SignatureInvalid`], which says whether it is the time or the signature.
    pub fn verify(&self, id: &str, timestamp: &str, signature: &str, body: &[u8], now: Timestamp) -> Result<()> {
        let fault = |rule: Words| Err(Error::new(Code::SignatureInvalid).with_rule(rule));
        let Ok(seconds) = timestamp.parse::<i64>() else {
            return fault(words!("`webhook-timestamp`が数ではありません", "webhook-timestamp is no number"));
        };
        let distance = now.0.abs_diff(seconds.saturating_mul(1_000));
        if u128::from(distance) > self.tolerance.as_millis() {
            return fault(words!(
                "`webhook-timestamp`が現在から離れすぎています",
                "webhook-timestamp is too far from now"
            ));
        }
        for given in signature.split(' ').filter_map(|part| part.strip_prefix("v1,")) {
            let Ok(given) = STANDARD.decode(given) else { continue };
            for key in &self.keys {
                let mut mac = begin(key, id, seconds)?;
                mac.update(body);
                // Compares in constant time.
                if mac.verify_slice(&given).is_ok() {
                    return Ok(());
                }
            }
        }
        fault(words!("既知のシークレットによる署名がありません", "no signature is by a known secret"))
    }
}

impl std::fmt::Debug for WebhookVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WebhookVerifier({} secrets)", self.keys.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const NOW: Timestamp = Timestamp(1_614_265_330_000);

    fn signed(secrets: &[&str], body: &[u8]) -> String {
        let mut signer = Signer::new(secrets.iter().copied(), "msg_1", 1_614_265_330).unwrap();
        body.chunks(3).for_each(|piece| signer.update(piece));
        signer.finish()
    }

    #[test]
    fn what_is_signed_verifies_by_each_secret_in_rotation() {
        let signature = signed(&[SECRET, "plain text secret"], "本文".as_bytes());
        assert_eq!(signature.split(' ').count(), 2);
        for secret in [SECRET, "plain text secret"] {
            let verifier = WebhookVerifier::new().secret("whsec_AAAA").unwrap().secret(secret).unwrap();
            verifier.verify("msg_1", "1614265330", &signature, "本文".as_bytes(), NOW).unwrap();
        }
    }

    #[test]
    fn anything_else_does_not() {
        let signature = signed(&[SECRET], b"body");
        let verifier = WebhookVerifier::new().secret(SECRET).unwrap();
        let verify = |id: &str, time: &str, signature: &str, body: &[u8], now: i64| {
            verifier.verify(id, time, signature, body, Timestamp(now)).is_ok()
        };
        assert!(verify("msg_1", "1614265330", &signature, b"body", NOW.0 + 299_000));
        assert!(verify("msg_1", "1614265330", &format!("v1a,x v1,=== {signature}"), b"body", NOW.0));
        assert!(!verify("msg_2", "1614265330", &signature, b"body", NOW.0));
        assert!(!verify("msg_1", "1614265331", &signature, b"body", NOW.0));
        assert!(!verify("msg_1", "1614265330", &signature, b"bodY", NOW.0));
        assert!(!verify("msg_1", "1614265330", &signature, b"body", NOW.0 + 301_000));
        assert!(!verify("msg_1", "1614265330", &signature, b"body", NOW.0 - 301_000));
        assert!(!verify("msg_1", "x", &signature, b"body", NOW.0));
        assert!(!verify("msg_1", "1614265330", "", b"body", NOW.0));
        assert!(!verify("msg_1", "1614265330", &signature[3..], b"body", NOW.0));
        assert!(WebhookVerifier::new().secret("whsec_*").is_err());
        assert!(WebhookVerifier::new().verify("a", "1614265330", &signature, b"body", NOW).is_err());
    }
}
