//! Texts that others wrote, for terminals and logs.

/// The text without what moves the cursor, ends the line or turns the direction of writing: each such character is
/// replaced.
pub fn clean(text: &str) -> String {
    text.replace(is_harmful, "\u{fffd}")
}

/// Control characters of ASCII and C1, the two line separators, and all that turns or hides what follows.
pub fn is_harmful(c: char) -> bool {
    let hides =
        matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}');
    let turns = matches!(c, '\u{61c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let tags = matches!(c, '\u{e0000}'..='\u{e007f}');
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') || hides || turns || tags
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
}
