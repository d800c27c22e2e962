//! The tests that every collector must pass, in a line of its author.

/// Expands to the tests that every collector must pass.
///
/// ```
/// # use stook_collector::{Collector, Description};
/// # struct Uptime;
/// # impl Collector for Uptime {
/// #     fn describe(&self) -> Description {
/// #         Description::of_kind("uptime").topic("events.host.uptime")
/// #     }
/// # }
/// #[cfg(test)]
/// stook_collector::conformance!(Uptime);
/// ```
///
/// The tests are in a module `conformance`, or one that you name, so that there can be several; tasks are given the
/// arguments that you say, or none:
///
/// ```
/// # use stook_collector::{Collector, Description};
/// # #[derive(Default)]
/// # struct Hashes;
/// # impl Collector for Hashes {
/// #     fn describe(&self) -> Description {
/// #         Description::of_kind("hashes").topic("events.hash")
/// #     }
/// # }
/// #[cfg(test)]
/// stook_collector::conformance!(mod hashes: Hashes::default(), "hash.file" => "/etc/hostname");
/// ```
///
/// **The arguments must let a task end by itself**, well within the 60 s that a test waits: most of these tests run whole tasks.
/// A task that goes on until it is cancelled is for `lets_go_of_what_is_cancelled` only, and that test cancels all that it
/// starts: name the tests that you want by [`Suite`](crate::testing::Suite) for such a collector.
///
/// Each test starts a collector of its own, in virtual time. A collector that waits for the world outside, like a
/// [`Blocking`](crate::Blocking) one or one with sockets, needs a clock that runs: `conformance!(real_time Uptime)`.
///
/// | test | what holds |
/// | --- | --- |
/// | `describes_itself` | the description is valid, and declares something |
/// | `answers_each_capability` | each task is done or fails with a text, on the topics of its capability, without a panic |
/// | `takes_odd_arguments` | so it is with arguments that nobody should send; no task harms the next |
/// | `blocks_no_heartbeats` | nothing blocks the runtime: heartbeats go on while tasks run |
/// | `survives_lost_acknowledgements` … `survives_a_rejection` | no result is lost, and each comes once |
/// | `lets_go_of_what_is_cancelled` | a task that is cancelled ends, and its place is free |
/// | `leaves_when_drained` | it ends well, and tells the end of each task |
/// | `leaves_when_rejected` | it ends with the host's reason |
#[macro_export]
macro_rules! conformance {
    (mod $name:ident: real_time $($rest:tt)+) => {
        $crate::conformance!(@ $name real_time $($rest)+);
    };
    (mod $name:ident: $($rest:tt)+) => {
        $crate::conformance!(@ $name virtual_time $($rest)+);
    };
    (@ $name:ident $time:ident $collector:expr $(, $capability:literal => $arguments:expr)* $(,)?) => {
        $crate::conformance!(@tests $name
            $crate::testing::Suite::$time(|| $collector)$(.arguments($capability, $arguments))*;
            describes_itself
            answers_each_capability
            takes_odd_arguments
            blocks_no_heartbeats
            survives_lost_acknowledgements
            survives_a_broken_connection
            survives_a_host_that_stands_still
            survives_a_rejection
            lets_go_of_what_is_cancelled
            leaves_when_drained
            leaves_when_rejected
        );
    };
    (@tests $name:ident $suite:expr; $($test:ident)+) => {
        mod $name {
            use super::*;

            $(
                #[test]
                fn $test() {
                    $suite.$test();
                }
            )+
        }
    };
    ($($rest:tt)+) => {
        $crate::conformance!(mod conformance: $($rest)+);
    };
}
