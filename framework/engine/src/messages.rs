//! What users read of this crate: see `messages/`.

use stook_messages::{Source, every, expect_file, own_sources};
use stook_types::CollectorId;

use crate::{AnnounceError, SubmitError};

#[test]
fn errors() {
    let id = || CollectorId::new("procmond-1").expect("valid");
    let announce = every!(AnnounceError {
        AnnounceError::Released => AnnounceError::Released;
        AnnounceError::Full => AnnounceError::Full;
    });
    let submit = every!(SubmitError {
        SubmitError::Closed => SubmitError::Closed;
        SubmitError::Full { .. } => SubmitError::Full { limit: 1_000 };
        SubmitError::Nobody => SubmitError::Nobody;
        SubmitError::UnknownCollector(_) => SubmitError::UnknownCollector(id());
        SubmitError::Unable(_) => SubmitError::Unable(id());
        SubmitError::NotAnnounced => SubmitError::NotAnnounced;
    });
    expect_file!["messages/errors.txt"].assert_eq(&[announce, submit].concat());
}

/// Why a task failed, was moved or was not taken, and why a collector is not started again.
#[test]
fn reasons() {
    let sources = own_sources!();
    expect_file!["messages/reasons.txt"].assert_eq(&sources.iter().map(Source::texts).collect::<String>());
}
