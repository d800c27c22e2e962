//! A real collector that behaves as its arguments say: `KEY=VALUE …`.
//!
//! `kind` `can` `topic` `do`, and what each behaviour takes. Without `can` it streams.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use stook_collector::{Collector, CorrelationId, Description, Record, Recorder, Task, TaskError, Value};

struct Behaving {
    arguments: HashMap<String, String>,
    tasks: AtomicU64,
}

fn main() -> ExitCode {
    let argument = |argument: String| {
        let (key, value) = argument.split_once('=').expect("KEY=VALUE");
        (key.to_owned(), value.to_owned())
    };
    let arguments = std::env::args().skip(1).map(argument).collect();
    let behaving = Behaving { arguments, tasks: AtomicU64::new(0) };
    match behaving.does() {
        "leash" => return leash(&behaving.path("leash")),
        #[cfg(unix)]
        "keep-socket" => return keep_socket(&behaving).expect("the host is there"),
        "never-connect" => park(),
        "exit-at-once" => return ExitCode::from(3),
        _ => {}
    }
    let stays = behaving.does() == "stay";
    let code = if behaving.does() == "stop-midway" {
        on_this_thread(behaving)
    } else {
        stook_collector::run(behaving)
    };
    if stays {
        park();
    }
    code
}

/// Nothing is sent while its task does not wait.
fn on_this_thread(behaving: Behaving) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    match runtime.block_on(stook_collector::run_async(behaving)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.exit_code().into(),
    }
}

fn park() -> ! {
    loop {
        std::thread::park();
    }
}

/// Lives for as long as a file exists.
fn leash(file: &std::path::Path) -> ExitCode {
    while file.exists() {
        std::thread::sleep(Duration::from_millis(20));
    }
    ExitCode::SUCCESS
}

/// Takes a task, hands the connection to somebody else, and ends.
#[cfg(unix)]
fn keep_socket(behaving: &Behaving) -> std::io::Result<ExitCode> {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use stook_tests::raw::{framed, worker};

    let variable = |name| std::env::var(name).expect("the host says it");
    let mut stream = UnixStream::connect(format!("{}/socket", variable("STOOK_ENDPOINT")))?;
    let can = behaving.text("can").expect("a capability");
    let hello = worker(&variable("STOOK_COLLECTOR_ID"), behaving.topic(), can);
    let hello = stook_proto::wire::Hello { kind: "test".into(), token: variable("STOOK_TOKEN"), ..hello };
    stream.write_all(&framed(hello))?;
    let mut heard = Vec::new();
    while !heard.windows(can.len()).any(|bytes| bytes == can.as_bytes()) {
        let mut bytes = [0; 1024];
        let count = stream.read(&mut bytes)?;
        heard.extend_from_slice(&bytes[..count]);
    }
    behaving.leave_a_grandchild(std::os::fd::OwnedFd::from(stream).into())?;
    Ok(ExitCode::SUCCESS)
}

impl Behaving {
    fn text(&self, key: &str) -> Option<&str> {
        self.arguments.get(key).map(String::as_str)
    }

    fn does(&self) -> &str {
        self.text("do").unwrap_or("answer")
    }

    fn number(&self, key: &str, default: u64) -> u64 {
        self.text(key).map_or(default, |text| text.parse().expect("a number"))
    }

    fn path(&self, key: &str) -> PathBuf {
        self.text(key).expect("the behaviour takes a path").into()
    }

    fn topic(&self) -> &str {
        self.text("topic").unwrap_or("t.x")
    }

    async fn answer(&self, results: &Recorder) -> Result<(), TaskError> {
        for n in 0..self.number("n", 1) {
            let value =
                Value::from([("n", Value::from(n as i64)), ("pid", i64::from(std::process::id()).into())]);
            results.record(self.topic(), &value).await?;
        }
        Ok(())
    }

    /// Somebody who inherits standard output and error, and stays when this process is gone.
    fn leave_a_grandchild(&self, stdin: Stdio) -> std::io::Result<()> {
        let leash = format!("leash={}", self.path("leash").display());
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["do=leash", &leash]).stdin(stdin);
        // Out of the reach of whoever ends this process with all that it has started.
        #[cfg(unix)]
        if self.text("apart").is_some() {
            std::os::unix::process::CommandExt::process_group(&mut command, 0);
        }
        command.spawn()?;
        Ok(())
    }
}

impl Collector for Behaving {
    fn describe(&self) -> Description {
        let kind = self.text("kind").unwrap_or("test");
        match self.text("can") {
            Some(capability) => {
                let concurrency = self.number("concurrency", 1).try_into().expect("small");
                Description::of_kind(kind).capability(capability, concurrency, [self.topic()])
            }
            None => Description::of_kind(kind).topic(self.topic()),
        }
    }

    async fn task(&self, task: Task, results: &Recorder) -> Result<(), TaskError> {
        let first = self.tasks.fetch_add(1, Ordering::Relaxed) == 0;
        match self.does() {
            "fail-first" if first => Err(TaskError::new("as it was told")),
            "panic-first" if first => panic!("as it was told"),
            "fail-first" | "panic-first" | "answer" | "stay" => self.answer(results).await,
            "answer-and-fail" => {
                self.answer(results).await?;
                Err(TaskError::new("as it was told"))
            }
            "exit" => std::process::exit(0),
            "abort" => std::process::abort(),
            // Dies of what it is asked for, and of nothing else.
            "victim" => match task.arguments()? {
                Value::String(word) if word == "poison" => std::process::abort(),
                Value::String(word) if word == "slow" => {
                    tokio::time::sleep(Duration::from_millis(self.number("ms", 100))).await;
                    self.answer(results).await
                }
                _ => self.answer(results).await,
            },
            // Answers at once, and takes its time to say that it has finished.
            "linger" => {
                self.answer(results).await?;
                tokio::time::sleep(Duration::from_millis(self.number("ms", 100))).await;
                Ok(())
            }
            #[cfg(unix)]
            "stop-midway" => {
                self.answer(results).await?;
                results.flush(Duration::from_secs(60)).await?;
                results.try_record(self.topic(), "not sent yet")?;
                rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP)?;
                Ok(())
            }
            // Blocks its thread, as a worker does that is stuck; heartbeats go on.
            "stuck-first" if first => park(),
            "stuck-first" => self.answer(results).await,
            "hang" => std::future::pending().await,
            "slow" => {
                tokio::time::sleep(Duration::from_millis(self.number("ms", 100))).await;
                self.answer(results).await
            }
            // Once it has answered somebody keeps its output, and it ends.
            "grandchild" => {
                self.answer(results).await?;
                self.leave_a_grandchild(Stdio::null())?;
                std::process::exit(0)
            }
            other => Err(TaskError::new(format!("no such behaviour: {other}"))),
        }
    }

    async fn stream(&self, results: Recorder) -> Result<(), TaskError> {
        if self.text("can").is_some() {
            return std::future::pending().await;
        }
        let limit = self.number("n", u64::MAX);
        for n in 0..limit {
            let id = CorrelationId::new(&format!("{}-{n}", self.text("prefix").unwrap_or("s")))?;
            let how = Record::new().correlation_id(id);
            results.record_as(how, self.topic(), &Value::from(n as i64)).await?;
        }
        if self.does() == "leave" { Ok(()) } else { std::future::pending().await }
    }
}
