//! Automatic numbers: given in the writer's own transaction, so that no two records get the same.

use rusqlite::{Connection, OptionalExtension};

use crate::error::Result;
use crate::schema::{AutoNumber, DateTime, NumberDate};

/// The counters that one writer uses; written back as they are used, so that whatever commits has them.
pub(crate) struct Counters {
    today: DateTime,
    /// By field: period, last number given.
    known: Vec<(i64, String, i64)>,
    /// Counters that are ahead of what is stored.
    dirty: bool,
}

impl Counters {
    pub(crate) fn new(today: DateTime) -> Counters {
        Counters { today, known: Vec::new(), dirty: false }
    }

    /// The next number of a field. [`Counters::flush`] must follow before the transaction ends.
    pub(crate) fn issue(&mut self, connection: &Connection, field: i64, format: &AutoNumber) -> Result<String> {
        let period = period(self.today, format.date);
        let at = match self.known.iter().position(|(known, of, _)| *known == field && *of == period) {
            Some(at) => at,
            None => {
                let sql = "SELECT last FROM renkei_counter WHERE field_id = ?1 AND period = ?2";
                let last: Option<i64> =
                    connection.prepare_cached(sql)?.query_row((field, &period), |row| row.get(0)).optional()?;
                self.known.push((field, period.clone(), last.unwrap_or(format.start - 1)));
                self.known.len() - 1
            }
        };
        let last = &mut self.known[at].2;
        *last += 1;
        self.dirty = true;
        let digits = usize::from(format.digits);
        Ok(format!("{}{period}{:0>digits$}{}", format.prefix, *last, format.suffix))
    }

    /// Stores the counters.
    pub(crate) fn flush(&mut self, connection: &Connection) -> Result<()> {
        if !self.dirty {
            return Ok(());
        }
        let sql = "INSERT INTO renkei_counter (field_id, period, last) VALUES (?1, ?2, ?3)
            ON CONFLICT (field_id, period) DO UPDATE SET last = excluded.last";
        let mut statement = connection.prepare_cached(sql)?;
        for (field, period, last) in &self.known {
            statement.execute((field, period, last))?;
        }
        self.dirty = false;
        Ok(())
    }
}

fn period(today: DateTime, date: NumberDate) -> String {
    let day = today.date();
    match date {
        NumberDate::None => String::new(),
        NumberDate::Year => format!("{:04}", day.year()),
        NumberDate::Month => format!("{:04}{:02}", day.year(), day.month()),
        NumberDate::Day => format!("{:04}{:02}{:02}", day.year(), day.month(), day.day()),
    }
}
