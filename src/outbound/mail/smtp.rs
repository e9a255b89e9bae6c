//! The talk with a mail server: what carries deliveries of the channel of mail.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use lettre::Address;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{
    Certificate, CertificateStore, SmtpConnection, TlsParameters, TlsParametersBuilder,
};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Response;

use super::super::transport::{Answer, ErrorFamily, Exchange, Failure, OutboundRequest, Times, Transport};
use super::server::MailSecurity;
use crate::error::{Code, Error, IntoWords, words};

/// Gives mails to the servers that their deliveries name. Each mail has a connection of its own.
pub(crate) struct Smtp;

impl Transport for Smtp {
    fn send(&self, request: &mut OutboundRequest<'_>) -> Result<Exchange, Failure> {
        let before = |error: Error| Failure::of(ErrorFamily::BeforeSending, error);
        let addresses = request.addresses().map_err(before)?;
        let headers = |wanted: &str| {
            let found = request.headers.iter().filter(|(name, _)| name == wanted);
            found.map(|(_, value)| value.to_string()).collect::<Vec<_>>()
        };
        let (from, to) = (headers("mail-from").pop().unwrap_or_default(), headers("rcpt-to"));
        let mut message = Vec::with_capacity(request.body_bytes.and_then(|bytes| bytes.try_into().ok()).unwrap_or(0));
        request.body.read_to_end(&mut message).map_err(|error| before(error.into()))?;
        let total_within = request.deadline.saturating_duration_since(Instant::now());
        let outgoing = Outgoing {
            addresses,
            host: request.url.host().trim_matches(['[', ']']).to_owned(),
            security: MailSecurity::of_url(request.url.scheme(), request.url.path()),
            account: request.login.map(|(user, password)| (user.to_owned(), password.to_owned())),
            from,
            to,
            connect_within: Duration::from_secs(u64::from(request.sending.timeouts.connect_seconds)).min(total_within),
            total_within,
            ca_certificates: request.sending.ca_certificates.clone(),
            danger_accept_any_certificate: request.sending.danger_accept_any_certificate,
        };
        let began = Instant::now();
        let result = send(&outgoing, message);
        let times = Times { answer: Some(began.elapsed()), ..Times::default() };
        match result {
            Ok(answer) => Ok(Exchange::new(answer, times)),
            Err((family, error)) => Err(Failure { times, ..Failure::of(family, error) }),
        }
    }
}

/// One mail on its way, with everything that is needed for it.
#[derive(Clone)]
struct Outgoing {
    /// The addresses of the server, which were judged.
    addresses: Vec<SocketAddr>,
    /// The name that its certificate must bear.
    host: String,
    security: MailSecurity,
    /// User and password.
    account: Option<(String, String)>,
    from: String,
    to: Vec<String>,
    connect_within: Duration,
    total_within: Duration,
    ca_certificates: Option<String>,
    danger_accept_any_certificate: bool,
}

type Fault = (ErrorFamily, Error);

/// Gives a mail to the server, and waits for its reply within the time given. A reply that refuses is an answer.
///
/// The talk runs on a thread of its own: a server that sends a byte now and then ends no single read, but the whole takes
/// no longer than it may. A talk that was left alone ends by itself, as the server may not say more than a few lines.
fn send(outgoing: &Outgoing, message: Vec<u8>) -> Result<Answer, Fault> {
    let within = outgoing.total_within;
    let (sender, receiver) = sync_channel(1);
    let data_begun = Arc::new(AtomicBool::new(false));
    let (talk, begun) = (outgoing.clone(), data_begun.clone());
    let thread = std::thread::Builder::new().name("renkei-smtp".to_owned()).spawn(move || {
        let _ = sender.send(talk_to_server(&talk, &message, &begun));
    });
    if let Err(error) = thread {
        return Err((ErrorFamily::BeforeSending, error.into()));
    }
    receiver.recv_timeout(within).unwrap_or_else(|error| {
        let rule = match error {
            RecvTimeoutError::Timeout => {
                let seconds = within.as_secs_f64();
                words!("{seconds:.1}秒以内に応答がありません", "no reply within {seconds:.1} s")
            }
            RecvTimeoutError::Disconnected => words!("異常終了しました", "the talk with the server ended by a fault"),
        };
        Err(fault(&data_begun, outgoing, rule))
    })
}

fn fault(data_begun: &AtomicBool, outgoing: &Outgoing, rule: impl IntoWords) -> Fault {
    // Until the message has begun, nothing of it can have arrived.
    let family = match data_begun.load(Ordering::Relaxed) {
        true => ErrorFamily::Unanswered,
        false => ErrorFamily::BeforeSending,
    };
    (family, Error::new(Code::MailServer).with_value(&outgoing.host).with_rule(rule))
}

fn talk_to_server(outgoing: &Outgoing, message: &[u8], data_begun: &AtomicBool) -> Result<Answer, Fault> {
    let began = Instant::now();
    let fault = |rule: &dyn std::fmt::Display| fault(data_begun, outgoing, rule.to_string());
    // A refusal that comes as an error is an answer all the same.
    let refusal = |error: lettre::transport::smtp::Error| match error.status() {
        Some(status) => {
            let text = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            let mut answer = Answer::new(u16::from(status));
            answer.body = text.into_bytes();
            Ok(answer)
        }
        None => Err(fault(&whole(&error))),
    };
    macro_rules! ask {
        ($talk:expr) => {
            match $talk {
                Ok(done) => done,
                Err(error) => return refusal(error),
            }
        };
    }

    let tls = match outgoing.security {
        MailSecurity::None => None,
        _ => Some(tls_parameters(outgoing).map_err(|error| fault(&whole(&error)))?),
    };
    let from: Address = outgoing.from.parse().map_err(|error| fault(&error))?;
    let to = outgoing.to.iter().map(|address| address.parse::<Address>());
    let to = to.collect::<Result<Vec<_>, _>>().map_err(|error| fault(&error))?;
    let hello = ClientId::default();
    let at_once = tls.as_ref().filter(|_| outgoing.security == MailSecurity::Tls);
    let mut connection =
        ask!(SmtpConnection::connect(&outgoing.addresses[..], Some(outgoing.connect_within), &hello, at_once, None));
    let prolong = |connection: &mut SmtpConnection| {
        let left = outgoing.total_within.saturating_sub(began.elapsed()).max(Duration::from_millis(1));
        connection.set_timeout(Some(left)).map_err(|error| fault(&error))
    };
    if let (MailSecurity::Starttls, Some(tls)) = (outgoing.security, &tls) {
        prolong(&mut connection)?;
        ask!(connection.starttls(tls, &hello));
    }
    if let Some((user, password)) = &outgoing.account {
        prolong(&mut connection)?;
        let credentials = Credentials::new(user.clone(), password.clone());
        ask!(connection.auth(DEFAULT_MECHANISMS, &credentials));
    }
    prolong(&mut connection)?;
    ask!(connection.command(Mail::new(Some(from), Vec::new())));
    for receiver in to {
        prolong(&mut connection)?;
        // One that is refused refuses the mail: nobody gets it twice when it is mended and sent again.
        ask!(connection.command(Rcpt::new(receiver, Vec::new())));
    }
    prolong(&mut connection)?;
    ask!(connection.command(Data));
    prolong(&mut connection)?;
    data_begun.store(true, Ordering::Relaxed);
    let reply = ask!(connection.message(message));
    connection.abort();
    Ok(answer(&reply))
}

fn answer(reply: &Response) -> Answer {
    let mut answer = Answer::new(u16::from(reply.code()));
    answer.body = reply.message().collect::<Vec<_>>().join("\n").into_bytes();
    answer
}

/// An error with what caused it.
fn whole(error: &lettre::transport::smtp::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let more = cause.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = cause.source();
    }
    text
}

fn tls_parameters(outgoing: &Outgoing) -> Result<TlsParameters, lettre::transport::smtp::Error> {
    let mut builder = TlsParametersBuilder::new(outgoing.host.clone()).certificate_store(CertificateStore::WebpkiRoots);
    let end = "-----END CERTIFICATE-----";
    for certificate in outgoing.ca_certificates.iter().flat_map(|pem| pem.split_inclusive(end)) {
        if certificate.contains("-----BEGIN CERTIFICATE-----") {
            builder = builder.add_root_certificate(Certificate::from_pem(certificate.as_bytes())?);
        }
    }
    if outgoing.danger_accept_any_certificate {
        builder = builder.dangerous_accept_invalid_certs(true).dangerous_accept_invalid_hostnames(true);
    }
    builder.build_rustls()
}
