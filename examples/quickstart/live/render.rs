//! The model as lines: so many columns, so many rows, at this time. Nothing here touches a terminal.

use std::time::Duration;

use super::line::Line;
use super::model::Model;
use super::page::Page;

/// Columns and rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) columns: usize,
    pub(super) rows: usize,
}

/// Collectors that have a line each, however few rows there are.
const FEW: usize = 3;
/// Columns of the summary, which may wrap: it stays on the terminal, and is not drawn over.
const SUMMARY: usize = 500;

/// What a terminal of this size shows now: never more rows than it has.
pub(super) fn frame(model: &Model, now: Duration, size: Size) -> Vec<Line> {
    let page = Page::of(model, size.columns);
    let (mut progress, seats) = (page.progress(now), page.seats());
    progress.push(page.so_far());
    let rest = size.rows.saturating_sub(1 + progress.len());
    let mut lines = vec![page.header()];
    match seats.len() <= FEW.max(rest / 2) {
        true => lines.extend(seats),
        false => lines.push(page.crowd()),
    }
    lines.append(&mut progress);
    if model.scans.is_empty() {
        lines.push(page.hint());
    }
    let rest = size.rows.saturating_sub(lines.len());
    lines.extend(share([page.scans(), page.findings(), page.news()], rest));
    lines.truncate(size.rows);
    lines
}

/// What stays when the view is over.
pub(super) fn summary(model: &Model) -> Vec<Line> {
    let page = Page::of(model, SUMMARY);
    let lists = [page.scans(), page.findings(), page.news()].into_iter().flatten();
    [page.ran(), page.so_far()].into_iter().chain(lists).collect()
}

/// So many lines of these blocks, in turn one of each, as long as it has any.
fn share<const N: usize>(blocks: [Vec<Line>; N], mut room: usize) -> Vec<Line> {
    let mut taken = [0; N];
    while room > 0 && blocks.iter().zip(taken).any(|(block, taken)| taken < block.len()) {
        for (block, taken) in blocks.iter().zip(&mut taken) {
            if *taken < block.len() && room > 0 {
                (*taken, room) = (*taken + 1, room - 1);
            }
        }
    }
    blocks.into_iter().zip(taken).flat_map(|(block, taken)| block.into_iter().take(taken)).collect()
}
