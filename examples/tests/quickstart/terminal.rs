//! The quickstart on a terminal of its own: a pseudo-terminal, and what it would show.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::num::NonZeroU16;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use tempfile::TempDir;

use super::at_work::{DEADLINE, command, runtime};

/// Killed when dropped.
pub(crate) struct Terminal {
    keys: File,
    /// The end that the program has.
    program: OwnedFd,
    modes: LocalModes,
    process: Child,
    shown: Arc<Mutex<Shown>>,
    hung_up: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
    directory: TempDir,
}

/// What came, and what it looks like. The emulator leaves out what stands for a character that was replaced.
pub(crate) struct Shown {
    pub(crate) bytes: Vec<u8>,
    pub(crate) parser: vt100::Parser,
}

/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(5);

impl Terminal {
    /// None, with a word about it, where there is no `setsid` to give it the terminal as a shell would.
    pub(crate) fn start(
        arguments: &[&str],
        environment: &[(&str, &str)],
        (columns, rows): (u16, u16),
    ) -> Option<Self> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let keys = openpt(flags).unwrap();
        grantpt(&keys).unwrap();
        unlockpt(&keys).unwrap();
        let program = ioctl_tiocgptpeer(&keys, flags).unwrap();
        tcsetwinsize(&keys, size(columns, rows)).unwrap();
        let modes = tcgetattr(&program).unwrap().local_modes;

        let directory = tempfile::tempdir().unwrap();
        let quickstart = command(&directory, arguments);
        let mut command = Command::new("setsid");
        command.arg("--ctty").arg(quickstart.get_program()).args(quickstart.get_args()).current_dir("/");
        for (name, value) in quickstart.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.env("TERM", "xterm-256color").env_remove("NO_COLOR").envs(environment.iter().copied());
        let end = || program.try_clone().unwrap();
        let process = match command.stdin(end()).stdout(end()).stderr(end()).spawn() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                eprintln!("not tested: there is no `setsid` here");
                return None;
            }
            spawned => spawned.unwrap(),
        };
        drop(command); // it has the terminal open

        let keys = File::from(keys);
        let parser = vt100::Parser::new(some(rows), some(columns), 0);
        let shown = Arc::new(Mutex::new(Shown { bytes: Vec::new(), parser }));
        let hung_up = Arc::new(AtomicBool::new(false));
        let reader = {
            let (screen, shown, hung_up) = (keys.try_clone().unwrap(), shown.clone(), hung_up.clone());
            thread::spawn(move || read(screen, &shown, &hung_up))
        };
        Some(Self { keys, program, modes, process, shown, hung_up, reader: Some(reader), directory })
    }

    /// As a person types.
    pub(crate) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        self.shown().parser.screen_mut().set_size(some(rows), some(columns));
        tcsetwinsize(&self.keys, size(columns, rows)).unwrap();
    }

    pub(crate) fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap()
    }

    /// The rows, when they are like this.
    #[track_caller]
    pub(crate) fn wait_for(&self, what: impl Fn(&[String]) -> bool) -> Vec<String> {
        self.wait_until(|shown| Some(shown.rows()).filter(|rows| what(rows)))
    }

    /// The row in which this stands, when one does.
    #[track_caller]
    pub(crate) fn wait_for_row(&self, text: &str) -> String {
        self.wait_until(|shown| shown.rows().into_iter().find(|row| row.contains(text)))
    }

    /// When the view is on the screen, or when the screen is as it was before.
    #[track_caller]
    pub(crate) fn wait_for_view(&self, is_there: bool) {
        self.wait_until(|shown| {
            let screen = shown.parser.screen();
            ((screen.alternate_screen(), screen.hide_cursor()) == (is_there, is_there)).then_some(())
        });
    }

    #[track_caller]
    fn wait_until<T>(&self, what: impl Fn(&Shown) -> Option<T>) -> T {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let shown = self.shown();
            if let Some(found) = what(&shown) {
                return found;
            }
            assert!(Instant::now() < deadline, "not within {DEADLINE:?}: {:#?}", shown.rows());
            drop(shown);
            thread::sleep(LOOK);
        }
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.process)
    }

    /// The process that it has started with these arguments.
    pub(crate) fn collector(&self, arguments: &[&str]) -> Pid {
        let is_it = |pid: &i32| {
            let read = |what: &str| fs::read_to_string(format!("/proc/{pid}/{what}")).unwrap_or_default();
            let parent =
                read("stat").rsplit(')').next().and_then(|rest| rest.split(' ').nth(2)?.parse().ok());
            parent == Some(self.pid().as_raw_nonzero().get())
                && read("cmdline")
                    .split('\0')
                    .skip(1)
                    .filter(|argument| !argument.is_empty())
                    .eq(arguments.iter().copied())
        };
        let all = fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
        Pid::from_raw({ all }.find(is_it).expect("it runs")).unwrap()
    }

    pub(crate) fn signal(&self, pid: Pid, signal: Signal) {
        kill_process(pid, signal).unwrap();
    }

    /// Whether it is stopped, as a shell would see it.
    #[track_caller]
    pub(crate) fn wait_for_stop(&self) {
        let stat = format!("/proc/{}/stat", self.pid().as_raw_nonzero());
        let is_stopped = || fs::read_to_string(&stat).unwrap().rsplit(')').next().unwrap().starts_with(" T");
        self.wait_until(|_| is_stopped().then_some(()));
    }

    /// The terminal is closed.
    pub(crate) fn hang_up(mut self) -> ExitStatus {
        self.hung_up.store(true, Ordering::Relaxed);
        self.reader.take().unwrap().join().unwrap();
        let nothing = File::open("/dev/null").unwrap();
        drop(std::mem::replace(&mut self.keys, nothing));
        self.ended()
    }

    /// Waits for its end; gives all that it wrote. The terminal is as it was.
    pub(crate) fn end(mut self) -> (ExitStatus, Vec<u8>, Vec<String>) {
        let status = self.ended();
        assert_eq!(tcgetattr(&self.program).unwrap().local_modes, self.modes);
        self.hung_up.store(true, Ordering::Relaxed);
        self.reader.take().unwrap().join().unwrap();
        let shown = self.shown();
        let screen = shown.parser.screen();
        assert_eq!((screen.alternate_screen(), screen.hide_cursor()), (false, false));
        (status, shown.bytes.clone(), shown.rows())
    }

    fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + DEADLINE;
        let status = loop {
            match self.process.try_wait().unwrap() {
                Some(status) => break status,
                None => assert!(Instant::now() < deadline, "not ended within {DEADLINE:?}"),
            }
            thread::sleep(LOOK);
        };
        let left: Vec<_> = runtime(&self.directory).read_dir().unwrap().collect();
        assert!(left.is_empty(), "left behind: {left:?}");
        status
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.process.kill(); // it may have ended by itself
        let _ = self.process.wait();
        self.hung_up.store(true, Ordering::Relaxed);
    }
}

impl Shown {
    fn rows(&self) -> Vec<String> {
        let screen = self.parser.screen();
        screen.rows(0, screen.size().1.get()).collect()
    }
}

/// Until it is closed; what is there is read before that.
fn read(mut screen: File, shown: &Mutex<Shown>, hung_up: &AtomicBool) {
    let mut bytes = [0; 4_096];
    let wait = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
    loop {
        let over = hung_up.load(Ordering::Relaxed);
        let ready = poll(&mut [PollFd::new(&screen, PollFlags::IN)], Some(&wait)).unwrap();
        match ready {
            0 if over => return,
            0 => continue,
            _ => {}
        }
        // That nobody has it open any more is an error here.
        let Ok(count @ 1..) = screen.read(&mut bytes) else { return };
        let shown = &mut *shown.lock().unwrap();
        shown.bytes.extend_from_slice(&bytes[..count]);
        shown.parser.process(&bytes[..count]);
    }
}

fn some(cells: u16) -> NonZeroU16 {
    NonZeroU16::new(cells).unwrap()
}

fn size(columns: u16, rows: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}
