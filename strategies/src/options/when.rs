//! After which ends a collector is started again.

use stook_plugin::{Exit, choice};

choice! {
    /// After which ends a collector is started again, in the words of Erlang/OTP's supervisors (`supervisor(3)`,
    /// "Restart strategy" of a child).
    pub enum When {
        /// After every one.
        Permanent = "permanent",
        /// After those that are no success: an exit with code 0 means that it is done.
        Transient = "transient",
        /// After none.
        Temporary = "temporary",
    }
}

impl When {
    /// Whether a child that ended so is started again.
    pub fn restarts(self, how: Exit) -> bool {
        match self {
            Self::Permanent => true,
            Self::Transient => how != Exit::Success,
            Self::Temporary => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_exit_with_code_0_is_a_success() {
        let failures = [Exit::Failure, Exit::NotStarted, Exit::NotRegistered, Exit::Silent];
        assert!(
            failures.into_iter().all(|how| When::Transient.restarts(how) && When::Permanent.restarts(how))
        );
        assert!(!When::Transient.restarts(Exit::Success) && When::Permanent.restarts(Exit::Success));
        assert!(failures.into_iter().all(|how| !When::Temporary.restarts(how)));
    }
}
