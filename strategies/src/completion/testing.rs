//! A set in words, for the tests of completion.

use std::time::Duration;

use stook_plugin::{Admission, CompletionPolicy, Decision, Member, Plugin, Registration, SetView};

use crate::testing::{build, id, results};

fn policy<P: Plugin + CompletionPolicy>(options: &str) -> Box<dyn CompletionPolicy> {
    build(&Registration::completion::<P>("test"), options).unwrap()
}

/// A member that the set waits for, or not, and that has answered, or not.
pub(super) fn member(name: &str, expected: bool, answered: bool) -> Member {
    let mut member = Member::new(id(name), expected);
    member.answered = answered;
    member
}

/// Whether the policy calls a set complete that expects `expected`, was answered by `answered`, and has these
/// results, of which the last has just entered.
pub(super) fn completes<P: Plugin + CompletionPolicy>(
    options: &str,
    expected: &[&str],
    answered: &[&str],
    sent: &[(&str, &str)],
) -> bool {
    let mut members: Vec<_> =
        expected.iter().map(|name| member(name, true, answered.contains(name))).collect();
    for name in answered {
        if members.iter().all(|member| member.collector != id(name)) {
            members.push(member(name, false, true));
        }
    }
    let results = results(sent);
    let bytes = results.iter().map(|result| result.payload.len()).sum();
    let mut set = SetView::new("a", &results, &members, bytes, Duration::ZERO);
    set.arrived = results.last();
    policy::<P>(options).decide(&set) == Decision::Complete
}

/// The same for a set that expects nobody and has heard these, who have answered or not.
pub(super) fn heard<P: Plugin + CompletionPolicy>(heard: &[(&str, bool)]) -> bool {
    let members: Vec<_> = heard.iter().map(|(name, answered)| member(name, false, *answered)).collect();
    let set = SetView::new("a", &[], &members, 0, Duration::ZERO);
    policy::<P>("{}").decide(&set) == Decision::Complete
}

/// What the policy says of `next` in view of a set with these results.
pub(super) fn admits<P: Plugin + CompletionPolicy>(
    options: &str,
    sent: &[(&str, &str)],
    next: (&str, &str),
) -> Admission {
    let (results, next) = (results(sent), results(&[next]));
    let bytes = results.iter().map(|result| result.payload.len()).sum();
    policy::<P>(options).admit(&SetView::new("a", &results, &[], bytes, Duration::ZERO), &next[0])
}
