use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::Serialize;

use super::*;

#[derive(Serialize)]
struct Process {
    pid: u32,
    name: &'static str,
    parent: Option<u32>,
    state: State,
    open: Vec<State>,
}

#[derive(Clone, Copy, Serialize)]
enum State {
    Running,
    Exited { code: i8 },
    Signalled(u8),
    At(u8, u8),
}

#[test]
fn says_what_json_says() {
    let process = Process {
        pid: 1,
        name: "init",
        parent: None,
        state: State::Running,
        open: vec![State::Exited { code: -1 }, State::Signalled(9), State::At(1, 2)],
    };
    let value = to_value(&process).expect("plain");
    let through_json: Value =
        serde_json::from_value(serde_json::to_value(&process).expect("plain")).expect("a value");
    assert_eq!(value, through_json);
    assert_eq!(to_value(&value).expect("a value is one"), value);
    assert_eq!(to_value(&Ipv4Addr::LOCALHOST), Ok(Value::from("127.0.0.1")));
    assert_eq!(to_value(&BTreeMap::from([(1, true)])), Ok(Value::from([("1", true)])));
}

#[test]
fn integers_have_a_range() {
    assert_eq!(to_value(&i64::MIN), Ok(Value::Int(i64::MIN)));
    assert_eq!(to_value(&(i64::MAX as u64)), Ok(Value::Int(i64::MAX)));
    assert_eq!(
        to_value(&u64::MAX).unwrap_err().to_string(),
        "18446744073709551615 does not fit into 64 signed bits"
    );
    assert_eq!(to_value(&i128::MIN), Err(SerializeError::IntegerRange(i128::MIN)));
    assert_eq!(to_value(&BTreeMap::from([((), 1)])), Err(SerializeError::Key));
}
