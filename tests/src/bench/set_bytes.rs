//! `set_bytes`: what a pending set takes beyond its payload, and what becomes of it after the release.
//!
//! Measured in a process of its own, this program once more (`bench pending`): what an earlier figure left in the
//! allocator would be in the way.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::pending::{PAYLOAD, Pending, TIMEOUT};
use super::report::{Outcome, Row};
use super::stats::Samples;
use super::{Bench, Halt};

const SETS: usize = 1_000_000;

/// Of the defaults of `late`.
const REMEMBERED: usize = 100_000;

/// The rows, by what the process calls them, with how many sets each is divided among.
const ROWS: [(&str, &str, usize); 5] = [
    ("open", "a set of one result, payload included", SETS),
    ("charged", "  what the memory budget is charged for it", SETS),
    ("remembered", "a set that was released and is remembered, 100000 of them", REMEMBERED),
    ("forgotten", "left when all are forgotten, for each that was open", SETS),
    ("again", "a set when as many are opened again, payload included", SETS),
];

pub(super) fn measure(bench: &mut Bench) -> Result<Outcome, Halt> {
    if resident().is_none() {
        let note = "not measured: this system does not say in /proc what a process has in memory";
        return Ok(Outcome { notes: vec![note.to_owned()], ..Outcome::default() });
    }
    let rounds = bench.amount(1, 5);
    let mut samples: [Samples; ROWS.len()] = Default::default();
    for round in 1..=rounds {
        bench.goes_on(|| format!("process {round} of {rounds}"))?;
        let said = in_its_own_process()?;
        for (samples, (name, _, sets)) in samples.iter_mut().zip(ROWS) {
            let bytes = said[name].as_f64().ok_or_else(|| Halt::failed(format!("no `{name}` in {said}")))?;
            samples.push(bytes / sets as f64);
        }
    }
    let real = samples[0].median();
    let mut rows: Vec<_> =
        samples.iter().zip(ROWS).map(|(samples, (_, what, _))| Row::of(what, samples, "bytes")).collect();
    rows[1].ratio = Some((samples[1].median() / real, "what it takes"));
    Ok(Outcome {
        values: vec![("set_bytes", real - PAYLOAD as f64)],
        rows,
        notes: vec![
            "resident memory of a process of its own (VmRSS), less what it had before; 1,000,000 sets of one result of 128 \
             bytes, `count` and `list`; the bar counts the first row less the payload"
                .into(),
            "sets are released a millisecond's worth at a time, and forgotten after `remember`; what is left then is the \
             allocator's, if opening as many again takes no more"
                .into(),
        ],
    })
}

fn in_its_own_process() -> Result<Value, Halt> {
    let program = std::env::current_exe().map_err(Halt::failed)?;
    let output = Command::new(program).arg("pending").output().map_err(Halt::failed)?;
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout)
        .map_err(|error| Halt::failed(format!("{error}; {}: {said}", output.status)))
}

/// What the process does: opens the sets, releases and forgets them, and says in JSON what was in memory meanwhile, in
/// bytes beyond what was there before. `null` where this system does not say.
pub fn hold_sets() -> Value {
    let mut pending = Pending::new("");
    let Some(before) = resident() else { return Value::Null };
    let beyond = || resident().unwrap_or_default().saturating_sub(before);
    let start = pending.now;
    pending.fill(SETS, Duration::from_secs(1));
    pending.shrink();
    let (open, charged) = (beyond(), pending.memory().used);
    for ms in 1..=1_000 {
        pending.now = start + TIMEOUT + Duration::from_millis(ms);
        pending.expire();
        pending.settle();
    }
    pending.shrink();
    let remembered = beyond();
    pending.now = pending.now + TIMEOUT;
    pending.expire();
    let forgotten = beyond();
    pending.fill(SETS, Duration::from_secs(1));
    pending.shrink();
    let again = beyond();
    json!({"open": open, "charged": charged, "remembered": remembered, "forgotten": forgotten, "again": again})
}

/// Bytes that this process has in memory, where the system says it.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib << 10)
}
