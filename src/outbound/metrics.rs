//! The figures of the queue, in one call.

use rusqlite::Connection;
use serde::Serialize;

use super::status;
use super::target::{self, TargetStatus};
use crate::access::demand_administrator;
use crate::error::Result;
use crate::store::Store;

/// The attempts that latencies are taken from.
const LAST: i64 = 1_000;

/// A day, in milliseconds.
const DAY: i64 = 24 * 60 * 60 * 1_000;

/// The figures of the queue at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DeliveryMetrics {
    /// Deliveries that wait, whether they are due or not.
    pub waiting: u64,
    /// Those of them that are due.
    pub due: u64,
    /// For how long the oldest of these has been due, in milliseconds.
    pub oldest_due_ms: Option<u64>,
    /// When the next one may be sent, in milliseconds since 1970: in the past when one may be sent now, absent when none
    /// waits that may be sent.
    pub next_due_at: Option<i64>,
    /// Deliveries that wait for an earlier one of their order key.
    pub behind: u64,
    /// Deliveries that are being sent.
    pub sending: u64,
    /// Dead letters that are kept.
    pub failed: u64,
    /// Those delivered within the last 24 hours.
    pub delivered_last_day: u64,
    /// Those failed for good within the last 24 hours.
    pub failed_last_day: u64,
    /// Those cancelled within the last 24 hours.
    pub cancelled_last_day: u64,
    /// How long the last attempts took, up to 1,000 of them.
    pub latency: Latency,
    /// The targets.
    pub targets: Vec<TargetStatus>,
}

/// How long attempts took, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Latency {
    /// How many there were.
    pub attempts: u64,
    /// How many of them failed.
    pub failures: u64,
    /// The mean.
    pub mean_us: u64,
    /// Half of them took no longer.
    pub p50_us: u64,
    /// 95 % of them took no longer.
    pub p95_us: u64,
    /// 99 % of them took no longer.
    pub p99_us: u64,
    /// The longest.
    pub max_us: u64,
}

fn latency(connection: &Connection) -> Result<Latency> {
    let sql = "SELECT total_us, error_code IS NOT NULL FROM renkei_attempt ORDER BY id DESC LIMIT ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let found =
        statement.query_map([LAST], |row| Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get::<_, bool>(1)?)))?;
    let found: Vec<(u64, bool)> = found.collect::<rusqlite::Result<_>>()?;
    let mut times: Vec<u64> = found.iter().map(|(time, _)| *time).collect();
    times.sort_unstable();
    let Some(max_us) = times.last().copied() else { return Ok(Latency::default()) };
    let attempts = times.len() as u64;
    let rank = |percent: usize| times[(times.len() * percent).div_ceil(100).saturating_sub(1)];
    Ok(Latency {
        attempts,
        failures: found.iter().filter(|(_, failed)| *failed).count() as u64,
        mean_us: times.iter().sum::<u64>() / attempts,
        p50_us: rank(50),
        p95_us: rank(95),
        p99_us: rank(99),
        max_us,
    })
}

impl Store {
    /// The figures of the queue: counts, ages, latencies, and how each target stands.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = renkei::Store::create(dir.path().join("s.db"))?;
    /// store.deliver(&renkei::NewDelivery::post("https://core.example/"))?;
    /// let metrics = store.delivery_metrics()?;
    /// assert_eq!((metrics.waiting, metrics.due, metrics.targets.len()), (1, 1, 1));
    /// # Ok::<(), renkei::Error>(())
    /// ```
    pub fn delivery_metrics(&self) -> Result<DeliveryMetrics> {
        let reading = self.reading()?;
        demand_administrator(self, &reading, status::QUEUE)?;
        let now = self.now().0;
        let number = |sql: &str, parameters: &[&dyn rusqlite::ToSql]| -> Result<u64> {
            let count: i64 = reading.prepare_cached(sql)?.query_row(parameters, |row| row.get(0))?;
            Ok(count.unsigned_abs())
        };
        let sql = "SELECT count(*), count(*) FILTER (WHERE due_at <= ?1), min(due_at)
            FROM renkei_delivery INDEXED BY renkei_delivery_waiting WHERE state = 'waiting'";
        let (waiting, due, oldest): (i64, i64, Option<i64>) =
            reading.prepare_cached(sql)?.query_row([now], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let ended = "SELECT count(*) FROM renkei_delivery WHERE ended_at >= ?1 AND state = ?2";
        let ended = |state: &str| number(ended, &[&(now - DAY), &state]);
        let behind = "SELECT count(*) FROM renkei_delivery INDEXED BY renkei_delivery_order WHERE order_key IS NOT NULL
            AND state IN ('waiting', 'behind', 'sending') AND state = 'behind'";
        let sending = "SELECT count(*) FROM renkei_delivery INDEXED BY renkei_delivery_sending WHERE state = 'sending'";
        let failed = "SELECT count(*) FROM renkei_delivery INDEXED BY renkei_delivery_failed WHERE state = 'failed'";
        let next = "SELECT min(ready_at) FROM renkei_target WHERE ready_at IS NOT NULL";
        Ok(DeliveryMetrics {
            waiting: waiting.unsigned_abs(),
            due: due.unsigned_abs(),
            oldest_due_ms: oldest.filter(|oldest| *oldest <= now).map(|oldest| now.abs_diff(oldest)),
            next_due_at: reading.prepare_cached(next)?.query_row([], |row| row.get(0))?,
            behind: number(behind, &[])?,
            sending: number(sending, &[])?,
            failed: number(failed, &[])?,
            delivered_last_day: ended("delivered")?,
            failed_last_day: ended("failed")?,
            cancelled_last_day: ended("cancelled")?,
            latency: latency(&reading)?,
            targets: target::statuses(&reading)?,
        })
    }
}
