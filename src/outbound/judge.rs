//! What an attempt says: of its delivery, and of the target.

use std::time::Duration;

use super::delivery::Channel;
use super::retry;
use super::send::Finished;
use super::sending::Sending;
use super::transport::{Answer, ErrorFamily};
use crate::error::{Code, Error, Kind, Words, words};
use crate::store::Timestamp;
use crate::template::SlottedText;

/// What becomes of a delivery after an attempt.
pub(super) enum Verdict {
    Delivered,
    Again { asked: Option<Duration> },
    Failed,
}

/// What an attempt says of its target.
#[derive(PartialEq)]
pub(super) enum Health {
    Good,
    Bad,
    /// Nothing: the fault is on this side.
    Unknown,
}

/// What an attempt came to.
pub(super) struct Judgement {
    pub(super) verdict: Verdict,
    pub(super) health: Health,
    /// For how long the target asked to be left alone.
    pub(super) hold: Option<Duration>,
    pub(super) family: Option<ErrorFamily>,
    /// The error that is made of a refusing answer; that of a missing one stands in the failure.
    pub(super) refused: Option<Error>,
}

pub(super) fn judge(finished: &Finished, now: Timestamp) -> Judgement {
    let sending = &finished.claimed.sending;
    match &finished.result {
        Ok(exchange) => judge_answer(&exchange.answer, finished.claimed.channel, sending, finished, now),
        Err(failure) => {
            let again = Verdict::Again { asked: None };
            let (verdict, health) = match (failure.family, failure.error.kind()) {
                // The store was busy or full: nobody else's fault.
                (ErrorFamily::BeforeSending, Kind::Storage | Kind::Busy) => (again, Health::Unknown),
                (ErrorFamily::BeforeSending, _) => match failure.error.code() {
                    Code::SecretKey => (again, Health::Unknown),
                    Code::ConnectFailed | Code::TlsFailed | Code::HostUnknown => (again, Health::Bad),
                    // Nothing of this mends itself: somebody has to allow, add or change something first.
                    _ => (Verdict::Failed, Health::Unknown),
                },
                (_, _) if sending.retry.unanswered => (again, Health::Bad),
                (_, _) => (Verdict::Failed, Health::Bad),
            };
            Judgement { verdict, health, hold: None, family: Some(failure.family), refused: None }
        }
    }
}

fn judge_answer(
    answer: &Answer,
    channel: Channel,
    sending: &Sending,
    finished: &Finished,
    now: Timestamp,
) -> Judgement {
    let status = answer.status;
    if finished.is_success() {
        let (verdict, health) = (Verdict::Delivered, Health::Good);
        return Judgement { verdict, health, hold: None, family: None, refused: None };
    }
    let asked = answer.header("retry-after").and_then(|header| retry::retry_after(header, now));
    let (is_again, is_bad) = match channel {
        Channel::Http => (sending.retry.statuses.contains(status), status >= 500 || status == 408),
        // By SMTP, 4xx is for now, and 5xx for ever; 421 closes the service.
        Channel::Mail => ((400..500).contains(&status), status == 421),
    };
    let longest = Duration::from_secs(sending.retry.longest_wait_seconds);
    let hold = asked.filter(|_| matches!(status, 429 | 503)).map(|asked| asked.min(longest));
    let mut rule = Words::NONE;
    if channel == Channel::Http && (300..400).contains(&status) {
        rule = match answer.header("location").map(crate::error::shorten) {
            Some(to) => words!("リダイレクト先「{to}」へは送信しません。", " Redirects are not followed: {to}."),
            None => words!("リダイレクト先へは送信しません。", " Redirects are not followed."),
        };
    }
    let who = origin_of(&finished.claimed.url);
    let refused = Error::new(Code::AnswerRefused).with_name(who).with_value(status).with_rule(rule);
    Judgement {
        verdict: if is_again { Verdict::Again { asked } } else { Verdict::Failed },
        health: if is_bad { Health::Bad } else { Health::Good },
        hold,
        family: Some(ErrorFamily::Answer),
        refused: Some(refused),
    }
}

/// The part of a URL before its path.
fn origin_of(url: &SlottedText) -> &str {
    &url.text()[..super::url::Url::path_start(url.text())]
}
