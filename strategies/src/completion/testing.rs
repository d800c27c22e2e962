//! A set in words, for the tests of completion.

use std::time::Duration;

use stook_plugin::{CompletionPolicy, Decision, Member, Plugin, Registration, SetView};

use crate::testing::{build, id, results};

/// Whether the policy calls a set complete that expects `expected`, was answered by `answered`, and has these
/// results.
pub(super) fn completes<P: Plugin + CompletionPolicy>(
    options: &str,
    expected: &[&str],
    answered: &[&str],
    sent: &[(&str, &str)],
) -> bool {
    let registration = Registration::completion::<P>("test");
    let policy = build::<dyn CompletionPolicy>(&registration, options).unwrap();
    let mut members: Vec<_> = expected.iter().map(|name| Member::new(id(name), true)).collect();
    for name in answered {
        match members.iter_mut().find(|member| member.collector == id(name)) {
            Some(member) => member.answered = true,
            None => {
                let mut member = Member::new(id(name), false);
                member.answered = true;
                members.push(member);
            }
        }
    }
    let results = results(sent);
    let bytes = results.iter().map(|result| result.payload.len()).sum();
    policy.decide(&SetView::new("a", &results, &members, bytes, Duration::ZERO)) == Decision::Complete
}
