//! Text that others have chosen, on its way to a terminal: process names, paths, errors.

use unicode_width::UnicodeWidthChar;

/// Without what moves the cursor, ends the line or turns the direction of writing: each such character is replaced.
pub fn clean(text: &str) -> String {
    text.replace(is_harmful, "\u{fffd}")
}

/// Control characters of ASCII and C1, the two line separators, and all that turns or hides what follows.
fn is_harmful(c: char) -> bool {
    let hides =
        matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}');
    let turns = matches!(c, '\u{61c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let tags = matches!(c, '\u{e0000}'..='\u{e007f}');
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') || hides || turns || tags
}

/// Columns that it takes at most: characters that a terminal may draw as one are counted one by one.
pub fn width(text: &str) -> usize {
    text.chars().filter_map(UnicodeWidthChar::width).sum()
}

/// As much of it as fits into so many columns. What is cut ends with `…`, where there is room for that.
pub fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let Some(room) = columns.checked_sub(1) else { return String::new() };
    let mut used = 0;
    let fits = |c: &char| {
        used += c.width().unwrap_or_default();
        used <= room
    };
    let mut cut: String = text.chars().take_while(fits).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_acts_on_a_terminal_is_left() {
        let hostile = "a\x1b[2J\r\n\u{9b}31m\x07\u{202e}\u{2028}\u{200d}\u{e0041}é界";
        assert_eq!(
            clean(hostile),
            "a\u{fffd}[2J\u{fffd}\u{fffd}\u{fffd}31m\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}é界"
        );
    }

    #[test]
    fn what_is_cut_fits() {
        for (text, columns, expected) in [
            ("", 0, ""),
            ("ab", 0, ""),
            ("ab", 1, "…"),
            ("ab", 2, "ab"),
            ("abc", 2, "a…"),
            ("界界", 4, "界界"),
            ("界界", 3, "界…"),
            ("界界", 2, "…"),
            ("e\u{301}e\u{301}x", 2, "e\u{301}…"),
        ] {
            let cut = cut(text, columns);
            assert_eq!(cut, expected, "{text} in {columns}");
            assert!(width(&cut) <= columns);
        }
    }
}
