//! The terminal: the alternate screen, in which lines are drawn from the top, each cut to its width. So nothing that is
//! drawn scrolls, wraps or depends on what was there before, and what was on the screen before comes back when it is left.
//!
//! Keys are not read, so the terminal's modes stay as they are, and Ctrl-C remains a signal.

use std::io::{self, StdoutLock, Write};
use std::sync::atomic::{AtomicU8, Ordering};

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::queue;
use crossterm::style::{Attribute, Color, Print, SetAttribute, SetForegroundColor};
use crossterm::terminal::{
    BeginSynchronizedUpdate, Clear, ClearType, DisableLineWrap, EnableLineWrap, EndSynchronizedUpdate,
    EnterAlternateScreen, LeaveAlternateScreen,
};

use super::line::{Line, Style};
use super::render::Size;

/// Standard output as a screen.
pub(super) struct Screen {
    color: bool,
    /// Changes under the lock of standard output only: a panic elsewhere waits for the end of a frame, and none follows.
    phase: AtomicU8,
}

/// The terminal is as it was.
const OFF: u8 = 0;
/// The view is on it.
const ON: u8 = 1;
/// The terminal is as it was, for good.
const OVER: u8 = 2;

impl Screen {
    pub(super) fn new(color: bool) -> Self {
        Self { color, phase: AtomicU8::new(OFF) }
    }

    /// Its size now. What has none is taken for an old terminal.
    pub(super) fn size() -> Size {
        match crossterm::terminal::size() {
            Ok((columns @ 1.., rows @ 1..)) => Size { columns: columns.into(), rows: rows.into() },
            _ => Size { columns: 80, rows: 24 },
        }
    }

    /// Shows these lines, and nothing else; nothing if it is over.
    pub(super) fn draw(&self, lines: &[Line]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let mut frame = Vec::new();
        match self.phase.load(Ordering::Relaxed) {
            OVER => return Ok(()),
            OFF => queue!(frame, EnterAlternateScreen)?,
            _ => {}
        }
        // All of it each time: whatever else was written to the terminal is drawn over.
        queue!(frame, BeginSynchronizedUpdate, Hide, DisableLineWrap)?;
        for (row, line) in (0..).zip(lines) {
            queue!(frame, MoveTo(0, row))?;
            self.put(&mut frame, line)?;
            queue!(frame, Clear(ClearType::UntilNewLine))?;
        }
        if lines.len() < Self::size().rows {
            let below = u16::try_from(lines.len()).unwrap_or(u16::MAX);
            queue!(frame, MoveTo(0, below), Clear(ClearType::FromCursorDown))?;
        }
        queue!(frame, EndSynchronizedUpdate)?;
        self.phase.store(ON, Ordering::Relaxed);
        write(&mut out, &frame)
    }

    /// Gives the terminal back, until something is drawn again.
    pub(super) fn leave(&self) -> io::Result<()> {
        self.give_back(OFF)
    }

    /// Gives the terminal back for good.
    pub(super) fn end(&self) -> io::Result<()> {
        self.give_back(OVER)
    }

    fn give_back(&self, phase: u8) -> io::Result<()> {
        let mut out = io::stdout().lock();
        // What is over stays so.
        if self.phase.fetch_max(phase, Ordering::Relaxed) != ON {
            return Ok(());
        }
        self.phase.store(phase, Ordering::Relaxed);
        let mut frame = Vec::new();
        queue!(frame, EndSynchronizedUpdate, EnableLineWrap, Show, LeaveAlternateScreen)?;
        write(&mut out, &frame)
    }

    fn put(&self, frame: &mut Vec<u8>, line: &Line) -> io::Result<()> {
        for (style, text) in line.pieces() {
            match style {
                Style::Bold if self.color => queue!(frame, SetAttribute(Attribute::Bold))?,
                Style::Dim if self.color => queue!(frame, SetAttribute(Attribute::Dim))?,
                Style::Red if self.color => queue!(frame, SetForegroundColor(Color::DarkRed))?,
                Style::Green if self.color => queue!(frame, SetForegroundColor(Color::DarkGreen))?,
                Style::Yellow if self.color => queue!(frame, SetForegroundColor(Color::DarkYellow))?,
                _ => {
                    queue!(frame, Print(text))?;
                    continue;
                }
            }
            queue!(frame, Print(text), SetAttribute(Attribute::Reset))?;
        }
        Ok(())
    }
}

/// In one piece.
fn write(out: &mut StdoutLock<'_>, frame: &[u8]) -> io::Result<()> {
    out.write_all(frame)?;
    out.flush()
}
