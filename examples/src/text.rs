//! Text that others have chosen, on its way to a terminal: process names, paths, errors.

use unicode_width::UnicodeWidthChar;

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
