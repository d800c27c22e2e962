//! What came out against what must, both in order.

use super::pattern::{FieldDiff, Pattern, Record};

/// How the two lists differ, at one place.
#[derive(Clone, Debug)]
pub(super) enum Difference {
    /// The record at this place (counted from 1) is not as it must be.
    Differs { place: usize, record: Record, fields: Vec<FieldDiff> },
    /// Nothing came that is like this pattern, the one at this place.
    Absent { place: usize, pattern: String },
    /// This came, and nothing of the kind should have.
    Extra { record: Record },
}

/// Finds the smallest set of differences: what matches in order is set aside, and what is left between is compared
/// pair by pair. So one emission too many is reported as one, and not as a difference of all after it.
pub(super) fn compare(patterns: &[Pattern], records: &[Record]) -> Vec<Difference> {
    let mut differences = Vec::new();
    let (mut i, mut j) = (0, 0);
    let end = (patterns.len(), records.len());
    for (next_i, next_j) in matches(patterns, records).into_iter().chain([end]) {
        between(patterns, records, (i, next_i), (j, next_j), &mut differences);
        (i, j) = (next_i + 1, next_j + 1);
    }
    differences
}

fn between(
    patterns: &[Pattern],
    records: &[Record],
    (mut i, i_end): (usize, usize),
    (mut j, j_end): (usize, usize),
    differences: &mut Vec<Difference>,
) {
    while i < i_end || j < j_end {
        differences.push(match (i < i_end, j < j_end) {
            (true, true) => Difference::Differs {
                place: i + 1,
                record: records[j].clone(),
                fields: patterns[i].differences(&records[j]),
            },
            (true, false) => Difference::Absent { place: i + 1, pattern: patterns[i].to_string() },
            _ => Difference::Extra { record: records[j].clone() },
        });
        (i, j) = (i + 1, j + 1);
    }
}

/// The longest common subsequence: pairs of indices that match, ascending.
fn matches(patterns: &[Pattern], records: &[Record]) -> Vec<(usize, usize)> {
    let mut longest = vec![vec![0_usize; records.len() + 1]; patterns.len() + 1];
    for i in (0..patterns.len()).rev() {
        for j in (0..records.len()).rev() {
            longest[i][j] = if patterns[i].matches(&records[j]) {
                longest[i + 1][j + 1] + 1
            } else {
                longest[i + 1][j].max(longest[i][j + 1])
            };
        }
    }
    let (mut i, mut j, mut pairs) = (0, 0, Vec::new());
    while i < patterns.len() && j < records.len() {
        if longest[i][j] == longest[i + 1][j] {
            i += 1;
        } else if longest[i][j] == longest[i][j + 1] {
            j += 1;
        } else {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        }
    }
    pairs
}
