//! Documentation as text for people.

use std::fmt::Write;

/// Appends `text` as a paragraph of at most 100 columns, every line indented by so many.
pub(super) fn paragraph(to: &mut String, indent: usize, text: &str) {
    let mut column = 0;
    for word in text.split_whitespace() {
        let width = word.chars().count();
        if column > 0 && column + 1 + width > 100 {
            to.push('\n');
            column = 0;
        }
        let before = if column == 0 { indent } else { 1 };
        write!(to, "{:before$}{word}", "").expect("a string takes everything");
        column += before + width;
    }
    to.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_wrapped_and_indented() {
        let mut text = String::new();
        paragraph(&mut text, 2, &"word ".repeat(25));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| line.starts_with("  word") && line.len() <= 100), "{text}");
    }
}
