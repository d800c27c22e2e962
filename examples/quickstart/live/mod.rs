//! The live view: what is going on, redrawn in place on a terminal.
//!
//! * [`model`] is what is known ([`machine`]: the host's status; [`progress`]: how far a task has come, by its events).
//! * [`render`] makes lines of it (`page`, `line`), for any size, without a terminal.
//! * [`screen`] puts lines on the terminal, and gives it back.
//! * [`job`] is what a shell may do meanwhile; [`log`] keeps other lines off the screen.
//!
//! It is drawn on a thread of its own: a terminal may be slow or stopped (Ctrl-S), and the host must not wait for it.

mod job;
mod line;
mod log;
mod machine;
mod model;
mod page;
mod progress;
mod render;
mod screen;
#[cfg(test)]
mod tests;

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use stook::config::Config;
use stook::{Event, Handle};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use crate::ledger::Ledger;
use job::Job;
use model::Model;
use render::{frame, summary};
use screen::Screen;

pub(crate) use log::Log;
pub(crate) use model::Scan;

/// From one frame to the next.
const FRAME: Duration = Duration::from_millis(100);
/// From one look at the host's status to the next.
const LOOK: Duration = Duration::from_millis(200);
/// And at least so long, whatever happens.
const HASTE: Duration = Duration::from_millis(50);
/// How long to wait for the word that this process goes on, when it does.
const GO_ON: Duration = Duration::from_secs(1);

/// The view of one run. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Live(Arc<Shared>);

struct Shared {
    began: Instant,
    model: Mutex<Model>,
    screen: Screen,
    /// With chaos: what it did, and the counts.
    ledger: Option<Ledger>,
    log: Log,
    /// The status of the host is another one.
    changed: Notify,
    jobs: Mutex<Option<Sender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Whether standard output is a terminal that can show the view, and shows what this process writes.
pub(crate) fn is_possible() -> bool {
    let is_dumb = cfg!(unix) && std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    io::stdout().is_terminal() && !is_dumb && job::has_the_terminal()
}

impl Live {
    /// A view of this host. `gone` is told when the terminal is: nobody looks any more. A panic ends the view before it
    /// is told of, so that it can be read.
    pub(crate) fn start(
        config: &Config,
        chaos: Option<(u64, Ledger)>,
        color: bool,
        log: Log,
        gone: Arc<Notify>,
    ) -> Self {
        let (jobs, todo) = channel();
        let (seed, ledger) = chaos.unzip();
        let live = Self(Arc::new(Shared {
            began: Instant::now(),
            model: Mutex::new(Model::new(config, seed)),
            screen: Screen::new(color),
            ledger,
            log,
            changed: Notify::new(),
            jobs: Mutex::new(Some(jobs)),
            thread: Mutex::default(),
        }));
        if io::stderr().is_terminal() {
            let view = live.clone();
            live.0.log.divert(move |line| view.model().tell("log", line.trim().to_owned()));
        }
        let (panicked, tell) = (live.clone(), std::panic::take_hook());
        std::panic::set_hook(Box::new(move |panic| {
            let _ = panicked.0.screen.end(); // then it is told of all the same
            tell(panic);
        }));
        let view = live.clone();
        let thread = thread::spawn(move || {
            if view.show(&todo).is_err() {
                gone.notify_one();
            }
        });
        *lock(&live.0.thread) = Some(thread);
        live
    }

    /// The host tells something.
    pub(crate) fn hear(&self, event: &Event) {
        self.model().hear(self.0.began.elapsed(), event);
        self.0.changed.notify_one();
    }

    /// A set was released.
    pub(crate) fn take(&self, scan: Scan) {
        self.model().take(self.0.began.elapsed(), scan);
    }

    /// What is done about the end.
    pub(crate) fn ending(&self, what: &'static str) {
        self.model().ending = Some(what);
    }

    /// Looks at the host until that has ended.
    pub(crate) async fn look(self, host: Handle) {
        while let Some(status) = host.status().await {
            self.model().look(&status);
            sleep(HASTE).await;
            // Sooner, if something happens.
            let _ = timeout(LOOK, self.0.changed.notified()).await;
        }
    }

    /// Does what a shell asks for. Completes when it hangs up.
    pub(crate) async fn watch(&self) {
        job::watch(|job| {
            // It is over, if nobody takes it.
            let _ = lock(&self.0.jobs).as_ref().map(|jobs| jobs.send(job));
        })
        .await;
    }

    /// Gives the terminal back, and leaves a summary on it. Nothing the second time.
    pub(crate) fn end(&self) {
        drop(lock(&self.0.jobs).take());
        let Some(thread) = lock(&self.0.thread).take() else { return };
        let _ = thread.join(); // a panic has been told
        // A terminal that is gone needs nothing back, and shows nothing.
        let _ = self.0.screen.end().and_then(|()| self.sum_up());
        self.0.log.restore();
    }

    fn sum_up(&self) -> io::Result<()> {
        self.catch_up();
        let model = self.model();
        if !model.listens {
            return Ok(()); // whatever went wrong is told elsewhere
        }
        let lines = summary(&model);
        let text: String = lines.iter().map(|line| line.plain() + "\n").collect();
        io::stdout().write_all(text.as_bytes())
    }

    /// Draws, until there is an end to it or nobody can see it.
    fn show(&self, jobs: &Receiver<Job>) -> io::Result<()> {
        loop {
            match jobs.recv_timeout(FRAME) {
                Ok(Job::Stop) => {
                    self.0.screen.leave()?;
                    job::stop_here();
                    let _ = jobs.recv_timeout(GO_ON);
                }
                Ok(Job::GoOn) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            self.draw()?;
        }
    }

    fn draw(&self) -> io::Result<()> {
        self.catch_up();
        let lines = {
            let model = self.model();
            if !model.listens || !job::has_the_terminal() {
                return Ok(());
            }
            frame(&model, self.0.began.elapsed(), Screen::size())
        };
        self.0.screen.draw(&lines)
    }

    /// Takes what chaos has to tell.
    fn catch_up(&self) {
        if let Some(ledger) = &self.0.ledger {
            let (counts, news) = {
                let mut book = ledger.open();
                (book.counts(), book.news())
            };
            self.model().count(counts, news);
        }
    }

    fn model(&self) -> MutexGuard<'_, Model> {
        lock(&self.0.model)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
