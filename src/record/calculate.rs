//! Calculated numbers: evaluated whenever a row is written, in an order in which each comes after those it needs.

use crate::error::Violation;
use crate::schema::{Calculation, Cell, Layout, Operand, Scope};

/// What a calculation sees: its own row, the header of a detail row, all detail rows of a header.
struct Sight<'a> {
    calculation: &'a Calculation,
    own: &'a [Cell<'a>],
    header: &'a [Cell<'a>],
    rows: &'a [Vec<Cell<'static>>],
}

impl Scope for Sight<'_> {
    fn field(&self, index: usize) -> Option<(i64, u8)> {
        match self.calculation.operands[index] {
            Operand::Own(at, scale) => self.own.get(at)?.int().map(|int| (int, scale)),
            Operand::Header(at, scale) => self.header.get(at)?.int().map(|int| (int, scale)),
        }
    }

    fn row_count(&self) -> usize {
        self.rows.len()
    }

    fn row(&self, row: usize, index: usize) -> Option<(i64, u8)> {
        let (at, scale) = self.calculation.rows[index];
        self.rows[row].get(at)?.int().map(|int| (int, scale))
    }
}

/// Which calculations are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    All,
    /// Those that do not need the detail rows, which are not written yet.
    WithoutRows,
}

/// Evaluates the calculations of a row into `cells`.
pub(super) fn calculate(
    layout: &Layout,
    which: Which,
    cells: &mut [Cell<'_>],
    header: &[Cell<'_>],
    rows: &[Vec<Cell<'static>>],
    row: Option<usize>,
    violations: &mut Vec<Violation>,
) {
    for calculation in &layout.plan().calculated {
        if which == Which::WithoutRows && calculation.uses_rows() {
            continue;
        }
        let sight = Sight { calculation, own: cells, header, rows };
        match calculation.expression.evaluate(&sight, calculation.scale, calculation.rounding) {
            Ok(result) => cells[calculation.column] = result.map_or(Cell::Null, Cell::Int),
            Err(broken) => {
                let field = &layout.columns[calculation.column].field;
                let violation = Violation::new(broken, &field.code, &field.name, "");
                violations.push(match row {
                    Some(row) => violation.at_row(row),
                    None => violation,
                });
            }
        }
    }
}

/// Whether a header has calculations over its detail rows.
pub(super) fn needs_rows(layout: &Layout) -> bool {
    layout.plan().calculated.iter().any(Calculation::uses_rows)
}

/// Whether detail rows calculate with fields of their header.
pub(super) fn needs_header(layout: &Layout) -> bool {
    layout.plan().calculated.iter().any(Calculation::uses_header)
}
