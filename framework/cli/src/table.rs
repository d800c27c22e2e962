//! Aligned columns.

use crate::output::{Paint, Style};

/// Rows under a heading, as wide as they have to be.
pub(crate) struct Table {
    heads: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

/// What stands in a row and a column.
pub(crate) struct Cell {
    text: String,
    style: Style,
    to_the_right: bool,
}

impl Table {
    pub(crate) fn of(heads: &[&'static str]) -> Self {
        Self { heads: heads.to_vec(), rows: Vec::new() }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        self.rows.push(cells.into());
    }

    /// The lines, each indented by two. No space at their ends.
    pub(crate) fn lines(&self, paint: Paint) -> String {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| Some(wide(&row.get(column)?.text)));
            cells.chain([wide(self.heads[column])]).max().unwrap_or(0)
        };
        let widths: Vec<_> = (0..self.heads.len()).map(width).collect();
        let to_the_right = |column: usize| {
            self.rows.first().is_some_and(|row| row.get(column).is_some_and(|c| c.to_the_right))
        };
        let heads = self.heads.iter().enumerate().map(|(column, head)| {
            let cell = if to_the_right(column) { Cell::number(head) } else { Cell::text(*head) };
            cell.styled(Style::Dim)
        });
        let mut text = line(&heads.collect::<Vec<_>>(), &widths, paint);
        self.rows.iter().for_each(|row| text.push_str(&line(row, &widths, paint)));
        text
    }
}

impl Cell {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), style: Style::Plain, to_the_right: false }
    }

    /// Numbers stand below each other by their last digits.
    pub(crate) fn number(text: impl ToString) -> Self {
        Self { text: text.to_string(), style: Style::Plain, to_the_right: true }
    }

    pub(crate) fn styled(self, style: Style) -> Self {
        Self { style, ..self }
    }
}

fn line(cells: &[Cell], widths: &[usize], paint: Paint) -> String {
    let mut line = String::new();
    // What is to be written before the next text: none of it is, if there is none.
    let mut space = 2;
    for (cell, width) in cells.iter().zip(widths) {
        let padding = width - wide(&cell.text);
        let (before, after) = if cell.to_the_right { (padding, 0) } else { (0, padding) };
        if cell.text.is_empty() {
            space += width + 2;
            continue;
        }
        line.push_str(&" ".repeat(space + before));
        line.push_str(&paint.paint(cell.style, &cell.text));
        space = after + 2;
    }
    line.push('\n');
    line
}

fn wide(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_end_with_text() {
        let mut table = Table::of(&["NAME", "N", "WHY"]);
        table.row([Cell::text("a"), Cell::number(7), Cell::text("")]);
        table.row([Cell::text("longer"), Cell::number(1234), Cell::text("so")]);
        table.row([Cell::text(""), Cell::number(0), Cell::text("é")]);
        let wanted = "  NAME       N  WHY\n  a          7\n  longer  1234  so\n             0  é\n";
        assert_eq!(table.lines(Paint::NONE), wanted);
    }
}
