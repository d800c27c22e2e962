//! Lines of a program's output, of bounded length.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// Cuts lines out of what is read.
pub(super) struct Lines<R> {
    from: BufReader<R>,
    limit: usize,
    line: Vec<u8>,
    too_long: bool,
    number: u64,
}

/// One line, without its end.
#[derive(Debug, PartialEq)]
pub(super) struct Line {
    /// Counts from 1.
    pub(super) number: u64,
    /// `None` if it is longer than a line may be.
    pub(super) text: Option<Vec<u8>>,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(from: R, limit: usize) -> Self {
        Self { from: BufReader::new(from), limit, line: Vec::new(), too_long: false, number: 0 }
    }

    /// The next line; also the last, if that has no end. Cancelling loses nothing.
    pub(super) async fn next(&mut self) -> io::Result<Option<Line>> {
        loop {
            let read = self.from.fill_buf().await?;
            let end = read.iter().position(|byte| *byte == b'\n');
            let part = &read[..end.unwrap_or(read.len())];
            self.too_long |= self.line.len() + part.len() > self.limit;
            if self.too_long {
                self.line.clear();
            } else {
                self.line.extend_from_slice(part);
            }
            let (at_end, taken) = (read.is_empty(), part.len() + usize::from(end.is_some()));
            self.from.consume(taken);
            if end.is_some() || (at_end && (self.too_long || !self.line.is_empty())) {
                self.number += 1;
                let text = std::mem::take(&mut self.line);
                let text = (!std::mem::take(&mut self.too_long)).then_some(text);
                return Ok(Some(Line { number: self.number, text }));
            }
            if at_end {
                return Ok(None);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(mut input: &[u8], limit: usize) -> Vec<(u64, Option<String>)> {
        let mut lines = Lines::new(&mut input, limit);
        let mut all = Vec::new();
        while let Some(Line { number, text }) = lines.next().await.expect("memory") {
            all.push((number, text.map(|text| String::from_utf8(text).expect("text"))));
        }
        all
    }

    #[tokio::test]
    async fn are_cut_and_bounded() {
        assert_eq!(all(b"", 4).await, []);
        assert_eq!(
            all(b"a\n\nb", 4).await,
            [(1, Some("a".into())), (2, Some("".into())), (3, Some("b".into()))]
        );
        let long = all(b"1234\n12345\n1\n123456789", 4).await;
        assert_eq!(long, [(1, Some("1234".into())), (2, None), (3, Some("1".into())), (4, None)]);
        // Longer than what is read at once.
        let (long, longer) = ("x".repeat(20_000), "y".repeat(30_000));
        let text = format!("{long}\n{longer}\nz\n");
        assert_eq!(all(text.as_bytes(), 20_000).await, [(1, Some(long)), (2, None), (3, Some("z".into()))]);
    }
}
