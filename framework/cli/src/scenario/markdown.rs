//! Scenarios inside a text for people: a chapter whose examples run.

/// The scenarios of a Markdown text, each on the line where it stands: everything but the insides of blocks that open
/// with `` ```toml scenario `` is blank.
pub(super) fn scenarios(text: &str) -> String {
    let mut inside = false;
    let mut kept = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let fence = line.trim_end();
        let is_end = inside && fence == "```";
        if inside && !is_end {
            kept.push_str(line);
        } else {
            kept.push('\n');
        }
        inside = if inside { !is_end } else { fence == "```toml scenario" };
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::scenarios;

    #[test]
    fn only_scenarios_are_left_each_on_its_line() {
        let text = "# Order\n\n```toml\nnot = 1\n```\n```toml scenario\n[[scenario]]\nname = 'a'\n```\nend [[scenario]]";
        assert_eq!(scenarios(text), "\n\n\n\n\n\n[[scenario]]\nname = 'a'\n\n\n");
        assert_eq!(scenarios("```toml scenario\nx = 1"), "\nx = 1", "a block that is left open");
        assert_eq!(scenarios("```toml scenario\r\nx = 1\r\n```\r\ny\r\n"), "\nx = 1\r\n\n\n");
    }
}
