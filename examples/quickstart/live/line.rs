//! A line of the view: pieces of text, each with a style, none of which can do anything to a terminal.

use stook_examples::text::{cut, width};
use stook_types::harmless::clean;

/// How a piece stands out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Style {
    #[default]
    Plain,
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
}

/// No wider than it was made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pieces: Vec<(Style, String)>,
    /// Columns that are left.
    room: usize,
}

impl Line {
    pub(super) fn new(columns: usize) -> Self {
        Self { pieces: Vec::new(), room: columns }
    }

    /// With this at its end, as far as there is room for it.
    pub(super) fn with(mut self, style: Style, text: &str) -> Self {
        let text = cut(&clean(text), self.room);
        if !text.is_empty() {
            self.room -= width(&text);
            self.pieces.push((style, text));
        }
        self
    }

    /// With this in a column of its own, and two blanks behind it.
    pub(super) fn column(self, style: Style, text: &str, columns: usize) -> Self {
        let text = cut(&clean(text), columns);
        let blanks = columns - width(&text) + 2;
        self.with(style, &text).with(Style::Plain, &" ".repeat(blanks))
    }

    pub(super) fn pieces(&self) -> impl Iterator<Item = (Style, &str)> {
        self.pieces.iter().map(|(style, text)| (*style, &**text))
    }

    /// Without styles.
    pub(super) fn plain(&self) -> String {
        let text: String = self.pieces().map(|(_, text)| text).collect();
        text.trim_end().to_owned()
    }
}
