//! A small detection over the joined answers: it needs fields of two collectors, which no collector has alone.
//!
//! A set can be partial, so any field can be missing. A rule speaks only when it has seen all that it is about.

use std::fmt;
use std::net::SocketAddr;

use stook_types::{Object, Value};

/// Something odd about one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The process.
    pub pid: i64,
    /// What was looked for.
    pub rule: Rule,
    /// One sentence for a person, without a full stop. Names and paths stand in it as the process chose them:
    /// untrusted on a terminal.
    pub text: String,
}

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Rule {
    /// Accepts connections, and its executable is gone from disk: an upgrade without a restart, or a program
    /// that hides.
    DeletedListener,
    /// Accepts connections from other machines, and its executable could not be hashed: nobody can say what
    /// listens there.
    UnverifiedListener,
}

/// Looks at an array of objects with the fields of [`gather`](crate::gather). Anything else yields nothing.
///
/// At most one finding per process and rule, in the order of the rows.
pub fn detect(joined: &Value) -> Vec<Finding> {
    let rows = joined.as_array().unwrap_or_default().iter().filter_map(Value::as_object);
    rows.flat_map(|row| [deleted_listener(row), unverified_listener(row)]).flatten().collect()
}

// === the rules ===

fn deleted_listener(row: &Object) -> Option<Finding> {
    let at = listens(row).next()?;
    if row.get("exe_deleted")? != &Value::Bool(true) {
        return None;
    }
    let exe = text(row, "exe").unwrap_or("its executable");
    finding(row, Rule::DeletedListener, format!("listens on {at} while {exe} is gone from disk"))
}

fn unverified_listener(row: &Object) -> Option<Finding> {
    let at = listens(row).find(|at| !at.ip().to_canonical().is_loopback())?;
    let why = match text(row, "integrity")? {
        "not-readable" => text(row, "integrity_error").unwrap_or("not readable"),
        "gone" => "it is gone",
        _ => return None,
    };
    finding(row, Rule::UnverifiedListener, format!("listens on {at} and its executable has no hash: {why}"))
}

// === reading a row ===

fn finding(row: &Object, rule: Rule, text: String) -> Option<Finding> {
    let pid = row.get("pid")?.as_int()?;
    let name = self::text(row, "name").unwrap_or("a process");
    Some(Finding { pid, rule, text: format!("{name} (pid {pid}) {text}") })
}

fn text<'a>(row: &'a Object, field: &str) -> Option<&'a str> {
    row.get(field)?.as_str()
}

/// Where the process accepts TCP connections.
fn listens(row: &Object) -> impl Iterator<Item = SocketAddr> {
    let sockets = row.get("sockets").and_then(Value::as_array).unwrap_or_default();
    sockets.iter().filter_map(Value::as_object).filter_map(|socket| match text(socket, "state")? {
        "LISTEN" => text(socket, "local")?.parse().ok(),
        _ => None,
    })
}

// === impl Rule ===

impl Rule {
    /// Its name in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DeletedListener => "deleted-listener",
            Self::UnverifiedListener => "unverified-listener",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row of pid 7, called `web`, with these fields and this listening socket.
    fn web<const N: usize>(local: &str, fields: [(&str, Value); N]) -> Value {
        let socket = Value::from([("protocol", "tcp"), ("local", local), ("state", "LISTEN")]);
        let common = [("pid", 7.into()), ("name", "web".into()), ("sockets", Value::from_iter([socket]))];
        let row = common.into_iter().chain(fields).map(|(name, value)| (name.to_owned(), value));
        Value::Object(row.collect())
    }

    fn check(row: Value, expected: &[(Rule, &str)]) {
        let found = detect(&Value::Array(vec![row]));
        let found: Vec<_> = found.iter().map(|finding| (finding.rule, finding.text.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_listener_whose_executable_is_gone() {
        check(
            web("127.0.0.1:80", [("exe_deleted", true.into()), ("exe", "/tmp/web".into())]),
            &[(
                Rule::DeletedListener,
                "web (pid 7) listens on 127.0.0.1:80 while /tmp/web is gone from disk",
            )],
        );
    }

    #[test]
    fn a_listener_for_others_that_cannot_be_hashed() {
        check(
            web("0.0.0.0:80", [("integrity", "not-readable".into()), ("integrity_error", "denied".into())]),
            &[(
                Rule::UnverifiedListener,
                "web (pid 7) listens on 0.0.0.0:80 and its executable has no hash: denied",
            )],
        );
        check(
            web("[::]:80", [("integrity", "gone".into())]),
            &[(
                Rule::UnverifiedListener,
                "web (pid 7) listens on [::]:80 and its executable has no hash: it is gone",
            )],
        );
    }

    #[test]
    fn what_only_this_machine_can_reach_may_be_unverified() {
        for local in ["127.0.0.1:80", "[::1]:80", "[::ffff:127.0.0.1]:80"] {
            check(web(local, [("integrity", "not-readable".into())]), &[]);
        }
    }

    #[test]
    fn what_is_in_order_is_not_mentioned() {
        check(web("0.0.0.0:80", [("exe_deleted", false.into()), ("integrity", "ok".into())]), &[]);
        check(web("0.0.0.0:80", [("integrity", "no-executable".into())]), &[]);
    }

    #[test]
    fn a_connection_is_no_listener() {
        let socket = Value::from([("protocol", "tcp"), ("local", "10.0.0.1:80"), ("state", "ESTABLISHED")]);
        let row = Value::from([
            ("pid", 7.into()),
            ("exe_deleted", true.into()),
            ("integrity", "gone".into()),
            ("sockets", Value::from_iter([socket])),
        ]);
        check(row, &[]);
    }

    #[test]
    fn a_partial_set_says_no_more_than_it_knows() {
        check(web("0.0.0.0:80", []), &[]);
        check(Value::from([("pid", Value::from(7)), ("exe_deleted", true.into())]), &[]);
        assert_eq!(detect(&Value::Null), []);
        assert_eq!(detect(&Value::Array(vec![Value::Null, Value::Array(vec![])])), []);
    }
}

/// The whole way on this machine: gather, join, detect.
#[cfg(all(test, target_os = "linux"))]
mod on_this_machine {
    use std::collections::BTreeMap;

    use super::*;
    use crate::gather::{integrity::Checker, processes::Processes, sockets, testing::Child};
    use crate::tally::Tally;

    fn join(rows: impl IntoIterator<Item = Value>) -> Value {
        let mut joined = BTreeMap::<i64, Object>::new();
        for row in rows {
            let Value::Object(fields) = row else { panic!("a row is an object") };
            joined.entry(fields["pid"].as_int().unwrap()).or_default().extend(fields);
        }
        joined.into_values().map(Value::Object).collect()
    }

    #[test]
    fn a_deleted_listener_is_found_and_yet_hashed() {
        let child = Child::start();
        std::fs::remove_file(child.exe()).unwrap();

        let mut running = Processes::new().unwrap().scan().unwrap();
        running.retain(|process| [child.pid(), std::process::id()].contains(&process.pid));
        let checked = Checker::new().check(&running);
        let sockets = sockets::scan().unwrap();
        let joined = join(
            running
                .into_iter()
                .map(Value::from)
                .chain(checked.into_iter().map(Value::from))
                .chain(sockets.into_iter().map(Value::from)),
        );

        let found = detect(&joined);
        let found: Vec<_> = found.iter().filter(|finding| finding.pid == i64::from(child.pid())).collect();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].rule, Rule::DeletedListener);
        assert!(found[0].text.contains(child.listens()), "{found:?}");
        // The deleted copy is the same program as this one.
        let tally = Tally::of(&joined);
        assert_eq!((tally.processes, tally.executables), (Some(2), Some(1)));
    }
}
