//! The live view on a real terminal.

use rustix::process::Signal;

use super::terminal::Terminal;
use super::testing;

/// A line of text that ends a view: nothing but text may follow it.
const LEAVES: &[u8] = b"\x1b[?1049l";

/// Whoever is stopped is not given up while it is looked at.
fn patient() -> tempfile::NamedTempFile {
    let text = std::fs::read_to_string(super::CONFIG).unwrap();
    let detect = "[dispatch]\ndetect = { use = \"deadline\", heartbeat = \"500ms\", dead_after = \"10m\" }\n";
    let patient = text.replace("[dispatch]\n", detect).replace("timeout  = \"30s\"", "timeout  = \"10m\"");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), patient).unwrap();
    file
}

/// What is on the terminal after the view.
fn tail(bytes: &[u8]) -> String {
    let left = bytes.windows(LEAVES.len()).rposition(|window| window == LEAVES).expect("there was a view");
    String::from_utf8(bytes[left + LEAVES.len()..].to_vec()).unwrap()
}

#[test]
fn a_scan_is_seen_while_it_goes_on_and_a_summary_stays() {
    let config = patient();
    let arguments = ["--config", config.path().to_str().unwrap()];
    let Some(mut terminal) = Terminal::start(&arguments, &[], (140, 24)) else { return };
    terminal.wait_for_row("scan 1 ");
    terminal.wait_for_view(true);

    // It has been asked and does not answer; the other two have.
    let collector = terminal.collector(&["collect", "integrity"]);
    terminal.signal(collector, Signal::STOP);
    let waits = ", waits for procmond-2 (process.integrity); answered: ";
    let before = terminal.wait_for_row(waits);
    assert!(before.starts_with("  scan        [##-] 2 of 3 in "), "{before}");
    assert!(before.contains("netmond-1 ") && before.contains("procmond-1 "), "{before}");
    terminal.wait_for(|rows| rows.iter().any(|row| row.contains(waits) && *row != before));
    terminal.signal(collector, Signal::CONT);
    let after = terminal.wait_for_row("[###] 3 of 3 in ");
    assert!(after.starts_with("  scan        [###] "), "{after}");

    terminal.press("\x03");
    let (status, bytes, rows) = terminal.end();
    assert_eq!(status.code(), Some(0));
    let tail = tail(&bytes);
    assert!(!tail.contains('\x1b'), "{tail:?}");
    let lines: Vec<_> = tail.lines().collect();
    assert!(lines[0].starts_with("quickstart  ran "), "{tail}");
    assert!(
        lines[1].starts_with("  so far      ") && lines[1].ends_with(" complete, 0 partial, nothing lost"),
        "{tail}"
    );
    assert!(lines.iter().any(|line| line.starts_with("  scan 1      complete (expected) in ")), "{tail}");
    assert!(rows.iter().any(|row| row.starts_with("  scan 1      complete")), "{rows:#?}");
}

#[test]
fn a_hostile_name_in_a_window_of_any_size_is_only_text() {
    let child = testing::Child::start_as("web\x1b[2J\x1b]0;x\x07\r\n\u{202e}界");
    std::fs::remove_file(child.exe()).unwrap();
    let Some(mut terminal) = Terminal::start(&[], &[("NO_COLOR", "1")], (120, 30)) else { return };
    terminal.wait_for_row(&format!("  finding     deleted-listener: web[2J]0;x (pid {}) ", child.pid()));

    for (columns, rows, seat) in [
        (40, 12, "netmond-1 connected "),
        (20, 5, "netmond-1 connected "),
        (300, 60, "  netmond-1   connected "),
        (100, 24, "  netmond-1   connected "),
    ] {
        terminal.resize(columns, rows);
        terminal.wait_for(|shown| {
            shown.len() == usize::from(rows)
                && shown[0].starts_with("quickstart  up ")
                && shown[1].starts_with(seat)
        });
    }
    terminal.press("\x03");
    let (status, bytes, _) = terminal.end();
    assert_eq!(status.code(), Some(0));
    let text = String::from_utf8(bytes).unwrap();
    let colors = text
        .split("\x1b[")
        .skip(1)
        .filter(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m'));
    assert_eq!(colors.count(), 0, "NO_COLOR is set");
}

#[test]
fn a_shell_gets_its_terminal_back_while_it_is_stopped() {
    let Some(mut terminal) = Terminal::start(&[], &[], (80, 24)) else { return };
    terminal.wait_for_view(true);
    terminal.press("\x1a");
    terminal.wait_for_stop();
    terminal.wait_for_view(false);
    terminal.signal(terminal.pid(), Signal::CONT);
    terminal.wait_for_view(true);
    terminal.wait_for_row("scan 1 ");

    terminal.signal(terminal.pid(), Signal::TERM);
    let (status, bytes, _) = terminal.end();
    assert_eq!(status.code(), Some(0));
    assert!(tail(&bytes).starts_with("quickstart  ran "));
}

#[test]
fn a_quit_gives_the_terminal_back_too() {
    let Some(mut terminal) = Terminal::start(&[], &[], (80, 24)) else { return };
    terminal.wait_for_view(true);
    terminal.press("\x1c");
    let (status, ..) = terminal.end();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_terminal_that_is_closed_ends_it() {
    let Some(terminal) = Terminal::start(&[], &[], (80, 24)) else { return };
    terminal.wait_for_row("scan 1 ");
    assert_eq!(terminal.hang_up().code(), Some(0));
}

#[test]
fn chaos_is_summed_up_after_the_view() {
    let arguments = ["--collectors", "2", "--chaos", "--seed", "1", "--scans", "2"];
    let Some(terminal) = Terminal::start(&arguments, &[], (100, 30)) else { return };
    terminal.wait_for_row(", chaos with --seed 1");
    let (status, bytes, _) = terminal.end();
    let tail = tail(&bytes);
    assert_eq!(status.code(), Some(0), "{tail}");
    assert!(tail.contains("\nchaos     seed 1, ") && tail.ends_with("  lost     nothing\r\n"), "{tail}");
}

#[test]
fn what_cannot_show_a_view_or_shall_not_gets_the_text() {
    for (arguments, environment) in [
        (&["--scans", "1"][..], &[("TERM", "dumb")][..]),
        (&["--scans", "1", "--format", "text"], &[("NO_COLOR", "1")]),
    ] {
        let Some(terminal) = Terminal::start(arguments, environment, (100, 24)) else { return };
        let (status, bytes, rows) = terminal.end();
        assert_eq!(status.code(), Some(0));
        assert!(!bytes.windows(3).any(|bytes| bytes == b"\x1b[?"), "{rows:#?}");
        assert!(rows.iter().any(|row| row.starts_with("scan 1  complete (expected) in ")), "{rows:#?}");
    }
}
