//! Tables for people.

use std::fmt::{self, Write as _};

/// On which side of its column a cell stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

/// Rows of cells below a header, two spaces apart. Without rows it shows nothing.
#[derive(Debug)]
pub(crate) struct Table<const N: usize> {
    sides: [Side; N],
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    /// A table without rows.
    pub(crate) fn new(columns: [(&str, Side); N]) -> Self {
        Self { sides: columns.map(|(_, side)| side), rows: vec![columns.map(|(name, _)| name.to_owned())] }
    }

    pub(crate) fn add(&mut self, row: [String; N]) {
        self.rows.push(row);
    }
}

impl<const N: usize> fmt::Display for Table<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.rows.len() == 1 {
            return Ok(());
        }
        let width = |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
        let widths: [usize; N] = std::array::from_fn(width);
        for row in &self.rows {
            let mut line = String::new();
            for ((cell, side), width) in row.iter().zip(self.sides).zip(widths) {
                match side {
                    Side::Left => write!(line, "{cell:<width$}  ")?,
                    Side::Right => write!(line, "{cell:>width$}  ")?,
                }
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_aligned_and_no_line_ends_in_blanks() {
        let mut table = Table::new([("size", Side::Right), ("key", Side::Left), ("age", Side::Left)]);
        assert_eq!(table.to_string(), "");
        table.add(["1.0 KiB", "ü", "3 d"].map(str::to_owned));
        table.add(["0 B", "a/b", ""].map(str::to_owned));
        assert_eq!(table.to_string(), "   size  key  age\n1.0 KiB  ü    3 d\n    0 B  a/b\n");
    }
}
