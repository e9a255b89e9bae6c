//! A saved aggregation as CSV.

use std::io::Write;

use serde::{Deserialize, Serialize};

use super::table::{Figure, build, stored};
use crate::access::Right;
use crate::csv::{Format, Writer};
use crate::error::Result;
use crate::export::Exported;
use crate::schema::{Value, ValueFormat};
use crate::store::Store;

/// Which saved aggregation is written as CSV, and how; given to [`Store::export_aggregation`].
///
/// ```
/// use renkei::{AggregationExport, ValueFormat};
///
/// let export = AggregationExport::of("orders", "monthly").values(ValueFormat::Display);
/// let json = r#"{"database": "orders", "aggregation": "monthly", "values": "display"}"#;
/// assert_eq!(serde_json::from_str::<AggregationExport>(json).unwrap(), export);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AggregationExport {
    /// The database, by code or id.
    pub database: String,
    /// The aggregation, by code or id.
    pub aggregation: String,
    /// How values look: raw ones have plain numbers and the first day of spans, the others what people see (`2026年4月`).
    #[serde(default)]
    pub values: ValueFormat,
    /// Whether the header line is left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub without_headings: bool,
    /// How the file is written.
    #[serde(default)]
    pub format: Format,
}

impl AggregationExport {
    /// Raw values below a header line, in UTF-8.
    pub fn of(database: impl Into<String>, aggregation: impl Into<String>) -> AggregationExport {
        AggregationExport {
            database: database.into(),
            aggregation: aggregation.into(),
            values: ValueFormat::Raw,
            without_headings: false,
            format: Format::default(),
        }
    }

    /// Sets how values look.
    pub fn values(mut self, values: ValueFormat) -> AggregationExport {
        self.values = values;
        self
    }

    /// Sets how the file is written.
    pub fn format(mut self, format: Format) -> AggregationExport {
        self.format = format;
        self
    }
}

impl Store {
    /// Writes the table of a saved aggregation as CSV: a line for each row, and one for the totals, which begins with `合計`.
    /// In what was written, `records` and `lines` count these lines.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = renkei::Store::create(dir.path().join("s.db"))?;
    /// # use renkei::{Blueprint, Database, Field, Values};
    /// use renkei::{Aggregation, AggregationExport, AggregationSetting, Function};
    ///
    /// # let items = Database::new("items", "商品").field(Field::key("code", "品番"));
    /// # let items = items.field(Field::text("maker", "メーカー")).field(Field::number("price", "単価", 2));
    /// # store.apply(&Blueprint::new().database(items))?;
    /// # for (code, maker, price) in [("1", "甲社", "1.50"), ("2", "乙社", "2"), ("3", "甲社", "2.25")] {
    /// #     store.records("items").register(&Values::new().set("code", code).set("maker", maker).set("price", price))?;
    /// # }
    /// let figures = Aggregation::new().group_by("maker").count().measure(Function::Sum, "price").sort(2, true);
    /// store.apply(&Blueprint::new().aggregation(AggregationSetting::new("items", "makers", "メーカー別", figures).totals()))?;
    ///
    /// let mut csv = Vec::new();
    /// store.export_aggregation(&AggregationExport::of("items", "makers"), &mut csv)?;
    /// let csv = String::from_utf8(csv).unwrap();
    /// assert_eq!(csv, "メーカー,件数,単価の合計\r\n甲社,2,3.75\r\n乙社,1,2.00\r\n合計,3,5.75\r\n");
    /// # Ok::<(), renkei::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Store::run_aggregation`]; [`Code::AccessDenied`](crate::Code::AccessDenied) also without the right to export;
    /// [`Code::CsvUnmappable`](crate::Code::CsvUnmappable) for a character that the encoding does not have;
    /// [`Code::Argument`](crate::Code::Argument) when the delimiter cannot be one; what `out` fails with.
    pub fn export_aggregation(&self, export: &AggregationExport, out: impl Write) -> Result<Exported> {
        export.format.validate()?;
        let reading = self.reading()?;
        let setting = stored(self, &reading, &export.database, &export.aggregation)?;
        let built = build(self, &reading, &setting, &[Right::View, Right::Export], Some(export.values))?;
        let mut counted = Counted { out, bytes: 0 };
        let mut writer = Writer::new(&mut counted, export.format);
        if !export.without_headings {
            built.columns.iter().try_for_each(|column| writer.text(&column.name))?;
            writer.end_record()?;
        }
        let mut exported = Exported::default();
        let mut total = built.total;
        if let Some(first) = total.as_mut().and_then(|line| line.first_mut()).filter(|_| built.groups > 0) {
            *first = Figure { value: Value::Empty, text: "合計".to_owned() };
        }
        // Without groups the totals are the only row already.
        let total = total.filter(|_| built.groups > 0);
        for row in built.rows.iter().chain(&total) {
            for figure in row {
                match figure.value {
                    Value::Number(_) | Value::Date(_) | Value::DateTime(_) | Value::Time(_) => {
                        writer.made(&figure.text)?
                    }
                    _ => writer.text(&figure.text)?,
                }
            }
            writer.end_record()?;
            exported.records += 1;
        }
        exported.lines = exported.records;
        exported.unmapped = writer.unmapped().to_vec();
        exported.unmapped_count = writer.unmapped_count();
        writer.finish()?.flush()?;
        exported.bytes = counted.bytes;
        Ok(exported)
    }
}

/// Counts what goes through.
struct Counted<W> {
    out: W,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}
