//! The built binary, as a user meets it.

mod check;
mod config;
#[cfg(unix)]
mod counts;
#[cfg(unix)]
mod exec;
mod host;
mod messages;
mod new;
mod plugins;
mod run;
mod status;
mod submit;
mod tap;
mod usage;

use std::process::Command;

/// What a run of `stook` left behind.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

/// Runs `stook` to its end, away from any terminal.
fn stook(args: &[&str]) -> Ran {
    ran(host::command(args))
}

fn ran(mut command: Command) -> Ran {
    let output = command.output().expect("stook starts");
    Ran {
        code: output.status.code().expect("stook exits by itself"),
        out: String::from_utf8(output.stdout).expect("output is text"),
        err: String::from_utf8(output.stderr).expect("complaints are text"),
    }
}

impl Ran {
    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in {}", self.out))
    }
}
