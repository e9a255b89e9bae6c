//! The log of attempts.

use rusqlite::Connection;
use serde::Serialize;

use super::send::Finished;
use super::status;
use super::transport::ErrorFamily;
use crate::access::demand_administrator;
use crate::error::{Code, Error, Language, Result};
use crate::job::JobError;
use crate::store::{Store, Timestamp};

/// One attempt to send a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Attempt {
    /// Counted from 1.
    pub number: u32,
    /// When it began, in milliseconds since 1970.
    pub started_at: i64,
    /// The address that was called.
    pub address: Option<String>,
    /// Until the connection stood, in microseconds. Absent where a connection was used again.
    pub connect_us: Option<u64>,
    /// Then until TLS stood, in microseconds.
    pub tls_us: Option<u64>,
    /// From the beginning until the head of the answer was there, in microseconds.
    pub answer_us: Option<u64>,
    /// From the beginning to the end, in microseconds.
    pub total_us: u64,
    /// The status of the answer.
    pub status: Option<u16>,
    /// The first bytes of the answer ([`Sending::kept_answer_bytes`](crate::Sending::kept_answer_bytes)). Secrets that it
    /// repeats are hidden.
    #[serde(serialize_with = "as_text")]
    pub answer: Vec<u8>,
    /// Whether there was more.
    pub answer_is_cut: bool,
    /// How far it came, if it failed.
    pub family: Option<ErrorFamily>,
    /// Why it failed.
    pub error: Option<JobError>,
    /// When it is tried again.
    pub retry_at: Option<i64>,
}

fn as_text<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(bytes))
}

/// What is written of an attempt beside what it is itself.
pub(super) struct Judged<'a> {
    pub(super) number: u32,
    pub(super) error: Option<(ErrorFamily, &'a Error)>,
    pub(super) retry_at: Option<Timestamp>,
}

pub(super) fn insert(connection: &Connection, finished: &Finished, judged: &Judged<'_>) -> Result<()> {
    let times = finished.times();
    let micros = |time: std::time::Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
    let kept = usize::try_from(finished.claimed.sending.kept_answer_bytes).unwrap_or(usize::MAX);
    let (status, answer, is_cut) = match &finished.result {
        Ok(exchange) => {
            let body = &exchange.answer.body;
            let kept = &body[..body.len().min(kept)];
            (Some(exchange.answer.status), kept, exchange.answer.is_cut || kept.len() < body.len())
        }
        Err(failure) => (failure.status, &[][..], false),
    };
    let sql =
        "INSERT INTO renkei_attempt (delivery_id, number, started_at, address, connect_us, tls_us, answer_us, total_us,
        status, answer, answer_cut, family, error_code, error_ja, error_en, retry_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";
    connection.prepare_cached(sql)?.execute(rusqlite::params![
        finished.claimed.id,
        judged.number,
        finished.started_at.0,
        times.address.map(|address| address.to_string()),
        times.connect.map(micros),
        times.tls.map(micros),
        times.answer.map(micros),
        micros(finished.total),
        status,
        (!answer.is_empty()).then_some(answer),
        is_cut,
        judged.error.map(|(family, _)| family.as_str()),
        judged.error.map(|(_, error)| error.code().as_str()),
        judged.error.map(|(_, error)| error.message(Language::Japanese)),
        judged.error.map(|(_, error)| error.message(Language::English)),
        judged.retry_at.map(|time| time.0),
    ])?;
    Ok(())
}

impl Store {
    /// The attempts of a delivery, in order.
    ///
    /// # Errors
    ///
    /// [`Code::DeliveryNotFound`].
    pub fn attempts(&self, delivery: i64) -> Result<Vec<Attempt>> {
        let reading = self.reading()?;
        demand_administrator(self, &reading, status::QUEUE)?;
        if !reading.prepare_cached("SELECT 1 FROM renkei_delivery WHERE id = ?1")?.exists([delivery])? {
            return Err(Error::new(Code::DeliveryNotFound).with_value(delivery));
        }
        let sql = "SELECT number, started_at, address, connect_us, tls_us, answer_us, total_us, status, answer, answer_cut,
            family, error_code, error_ja, error_en, retry_at FROM renkei_attempt WHERE delivery_id = ?1 ORDER BY number";
        let mut statement = reading.prepare_cached(sql)?;
        let attempts = statement.query_map([delivery], |row| {
            let micros = |at: usize| row.get::<_, Option<i64>>(at).map(|time| time.map(i64::unsigned_abs));
            let code: Option<String> = row.get(11)?;
            Ok(Attempt {
                number: row.get(0)?,
                started_at: row.get(1)?,
                address: row.get(2)?,
                connect_us: micros(3)?,
                tls_us: micros(4)?,
                answer_us: micros(5)?,
                total_us: micros(6)?.unwrap_or(0),
                status: row.get(7)?,
                answer: row.get::<_, Option<Vec<u8>>>(8)?.unwrap_or_default(),
                answer_is_cut: row.get(9)?,
                family: row.get::<_, Option<String>>(10)?.map(|text| ErrorFamily::from_text(&text)),
                error: match code {
                    Some(code) => Some(JobError { code, ja: row.get(12)?, en: row.get(13)? }),
                    None => None,
                },
                retry_at: row.get(14)?,
            })
        })?;
        Ok(attempts.collect::<rusqlite::Result<_>>()?)
    }
}
