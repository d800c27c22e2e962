//! `jsonl`: one line of JSON per released set.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};

use stook_plugin::{AggregatedResult, BuildContext, BuildError, Plugin, Sink, SinkError, options, register};

options! {
    /// Options of `jsonl`.
    pub struct JsonlOptions {
        /// The file to append to, opened when the host starts, and made if it is not there; `-` is standard output.
        path: String = "-".to_owned(),
    }
}

/// Writes released sets as lines of JSON.
pub struct Jsonl {
    path: String,
    /// Not opened before the host starts, so that a config can be checked without leaving files behind; after a failure
    /// not before the next write.
    out: Option<Out>,
    /// Whole lines that wait to be written.
    lines: Vec<u8>,
}

enum Out {
    Stdout(io::Stdout),
    File(File),
}

/// Where waiting lines are written even before the host asks for it.
const ENOUGH: usize = 256 << 10;

impl Plugin for Jsonl {
    const NAME: &'static str = "jsonl";
    const DOCS: &'static str = "Writes each released set as one line of JSON to a file or to standard output. Bytes are written as \
        hexadecimal text, floats that JSON does not have as null.";
    type Options = JsonlOptions;

    fn build(options: JsonlOptions, _: &BuildContext) -> Result<Self, BuildError> {
        if options.path.is_empty() {
            return Err(BuildError::in_option("path", "must not be empty; write a file's path or `-`"));
        }
        Ok(Self { path: options.path, out: None, lines: Vec::new() })
    }
}

impl Sink for Jsonl {
    fn open(&mut self) -> Result<(), BuildError> {
        if !is_pipe(&self.path) {
            let refused = |error| BuildError::in_option("path", why(&self.path, &error));
            self.out = Some(open(&self.path).map_err(refused)?);
        }
        Ok(())
    }

    fn deliver(&mut self, result: &AggregatedResult) -> Result<(), SinkError> {
        let whole = self.lines.len();
        if serde_json::to_writer(&mut self.lines, result).is_err() {
            // The only thing that JSON cannot say is a payload that cannot be decoded.
            self.lines.truncate(whole);
            serde_json::to_writer(&mut self.lines, &result.readable())
                .map_err(|error| self.failed(&error.into()))?;
        }
        self.lines.push(b'\n');
        if self.lines.len() < ENOUGH { Ok(()) } else { self.write() }
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.write()
    }
}

impl Jsonl {
    /// Writes the waiting lines. If that fails they are dropped all the same, because the host delivers again
    /// what was not flushed.
    fn write(&mut self) -> Result<(), SinkError> {
        let lines = std::mem::take(&mut self.lines);
        if lines.is_empty() {
            return Ok(());
        }
        let mut out = match self.out.take() {
            Some(out) => out,
            None => open(&self.path).map_err(|error| self.failed(&error))?,
        };
        out.write(&lines).map_err(|error| self.failed(&error))?;
        // Kept only now: after a failure the file is opened, and what is left of it looked at, afresh.
        self.out = Some(out);
        self.lines = lines;
        self.lines.clear();
        self.lines.shrink_to(2 * ENOUGH);
        Ok(())
    }

    fn failed(&self, error: &io::Error) -> SinkError {
        let name = if self.path == "-" { "standard output" } else { &self.path };
        SinkError::new(format!("cannot write to {name}: {error}"))
    }
}

/// Why a file cannot be appended to, and what would be right.
fn why(path: &str, error: &io::Error) -> String {
    let right = match error.kind() {
        io::ErrorKind::NotFound => "; make the directory, or name a file in one that is there",
        io::ErrorKind::PermissionDenied => "; name a file that the user of the host may write to",
        io::ErrorKind::IsADirectory => "; name a file in it",
        _ => "",
    };
    format!("cannot append to {path}: {error}{right}")
}

/// Whether opening this would wait for somebody who reads it.
#[cfg(unix)]
fn is_pipe(path: &str) -> bool {
    use std::os::unix::fs::FileTypeExt;

    std::fs::metadata(path).is_ok_and(|about| about.file_type().is_fifo())
}

/// Whether opening this would wait for somebody who reads it: there is nothing like that in the file system here.
#[cfg(not(unix))]
const fn is_pipe(_path: &str) -> bool {
    false
}

fn open(path: &str) -> io::Result<Out> {
    if path == "-" {
        return Ok(Out::Stdout(io::stdout()));
    }
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    if ends_inside_a_line(path)? {
        file.write_all(b"\n")?;
    }
    Ok(Out::File(file))
}

/// Whether a file was left, by a crash or a full disk, with a line that does not end.
fn ends_inside_a_line(path: &str) -> io::Result<bool> {
    let about = std::fs::metadata(path)?;
    if !about.is_file() || about.len() == 0 {
        return Ok(false);
    }
    let mut file = File::open(path)?;
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

impl Out {
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        match self {
            Self::Stdout(out) => out.write_all(lines).and_then(|()| out.flush()),
            Self::File(file) => append(file, lines),
        }
    }
}

/// Appends all of it, or as little as possible: what a full disk leaves of a line is cut off again, unless
/// somebody else has appended to the file meanwhile.
fn append(file: &mut File, lines: &[u8]) -> io::Result<()> {
    let before = file.metadata()?.len();
    let mut written = 0;
    while written < lines.len() {
        match file.write(&lines[written..]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(some) => written += some,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                cut_back(file, before, written);
                return Err(error);
            }
        }
    }
    Ok(())
}

/// What went wrong before is the error to report, so that none of this is.
fn cut_back(file: &File, before: u64, written: usize) {
    let ours_is_last = |about: std::fs::Metadata| about.len() == before + written as u64;
    if written > 0 && file.metadata().is_ok_and(ours_is_last) {
        let _ = file.set_len(before);
    }
}

register!(sink: Jsonl);

#[cfg(test)]
mod tests {
    use stook_messages::{expect_file, redacted};
    use stook_plugin::{MergeInput, Merged, Reason, Registration, SetKey, conformance};
    use stook_types::{CorrelationId, EmissionId, Outcome, Value, WallTime};

    use super::*;
    use crate::testing::{build, json, made, n, results};

    fn released(value: Merged) -> AggregatedResult {
        AggregatedResult {
            aggregate: "a".into(),
            correlation_id: SetKey::Id(CorrelationId::new("c\n1").unwrap()),
            emission_id: EmissionId::derive("a", "c", 1, 1),
            generation: 1,
            revision: 1,
            outcome: Outcome::Complete,
            reason: Reason::Completed("count"),
            error: None,
            value,
            provenance: vec![],
            results: 1,
            duplicates: 0,
            repeats: vec![],
            contributors: vec![],
            missing: vec![],
            conflicts: vec![],
            opened_at: WallTime::from_unix_micros(0),
            released_at: WallTime::from_unix_micros(412),
            latency_us: 412,
        }
    }

    fn list(sent: &[(&str, &str)]) -> AggregatedResult {
        released(MergeInput::new("a", &results(sent)).list())
    }

    fn sink(path: &str) -> Box<dyn Sink> {
        let options = serde_json::json!({ "path": path }).to_string();
        build(&Registration::sink::<Jsonl>("test"), &options).unwrap()
    }

    fn in_file(test: impl FnOnce(&str)) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.jsonl");
        test(path.to_str().unwrap());
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn keeps_its_promises() {
        in_file(|path| {
            let make = || made::<Jsonl>(&serde_json::json!({ "path": path }).to_string());
            let arrived = |result: &AggregatedResult| {
                let id = format!("\"emission_id\":\"{}\"", result.emission_id);
                std::fs::read_to_string(path).unwrap().matches(&id).count()
            };
            conformance::sink(make, arrived);
        });
    }

    #[test]
    fn a_line_has_the_fields_of_the_format() {
        let text = in_file(|path| {
            let mut sink = sink(path);
            sink.deliver(&list(&[("p1", r#"{"b":1,"a":[2.5]}"#)])).unwrap();
            assert!(std::fs::read(path).is_err(), "nothing is written, or even made, before flush");
            sink.flush().unwrap();
        });
        assert_eq!(
            text,
            concat!(
                r#"{"aggregate":"a","correlation_id":"c\n1","emission_id":"b1071e12-37f9-50ba-b257-ab98ffc01146","#,
                r#""generation":1,"revision":1,"outcome":"complete","reason":"count","value":[{"a":[2.5],"b":1}],"#,
                r#""results":1,"duplicates":0,"contributors":[],"missing":[],"conflicts":[],"#,
                r#""opened_at":"1970-01-01T00:00:00.000000Z","released_at":"1970-01-01T00:00:00.000412Z","#,
                r#""latency_us":412}"#,
                "\n"
            )
        );
    }

    fn values(text: &str) -> Vec<Value> {
        text.lines().map(|line| json(line).at(&["value"]).unwrap().clone()).collect()
    }

    #[test]
    fn appends_and_ends_a_line_that_somebody_left_open() {
        let text = in_file(|path| {
            for sent in ["1", "2"] {
                let mut sink = sink(path);
                sink.deliver(&list(&[("p1", sent)])).unwrap();
                sink.flush().unwrap();
                sink.flush().unwrap();
            }
        });
        assert_eq!(values(&text), [json("[1]"), json("[2]")]);
        let text = in_file(|path| {
            std::fs::write(path, "{\"torn").unwrap();
            let mut sink = sink(path);
            sink.deliver(&list(&[("p1", "3")])).unwrap();
            sink.flush().unwrap();
        });
        assert!(text.starts_with("{\"torn\n{\"aggregate\""), "{text}");
    }

    #[test]
    fn many_lines_do_not_wait_for_a_flush() {
        let large = format!("\"{}\"", "x".repeat(ENOUGH));
        let text = in_file(|path| {
            let mut sink = sink(path);
            sink.deliver(&list(&[("p1", &large)])).unwrap();
            assert_eq!(std::fs::read_to_string(path).unwrap().lines().count(), 1);
            sink.deliver(&list(&[("p1", "2")])).unwrap();
            sink.flush().unwrap();
        });
        assert_eq!(text.lines().count(), 2);
    }

    #[test]
    fn a_payload_that_cannot_be_decoded_does_not_lose_the_line() {
        let text = in_file(|path| {
            let mut sink = sink(path);
            sink.deliver(&list(&[("p1", "1")])).unwrap();
            sink.deliver(&list(&[("p1", "2"), ("p2", "{")])).unwrap();
            sink.deliver(&released(Merged::Payload(n(f64::NAN)))).unwrap();
            sink.flush().unwrap();
        });
        let bad = r#"[2,{"undecodable":"EOF while parsing an object at line 1 column 1","content_type":"application/json","bytes":"7b"}]"#;
        assert_eq!(values(&text), [json("[1]"), json(bad), json(r#"{"n":null}"#)]);
    }

    #[test]
    fn a_failure_is_typed_and_drops_what_will_come_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("not-there").join("out.jsonl");
        let path = path.to_str().unwrap();
        let mut sink = sink(path);
        sink.deliver(&list(&[("p1", "1")])).unwrap();
        let error = sink.flush().unwrap_err().to_string();
        let why = File::open(path).unwrap_err().to_string();
        let page = redacted(&error, &[(path, "PATH"), (&why, "WHAT THE SYSTEM SAYS")]);
        expect_file!["../messages/jsonl.txt"].assert_eq(&(page + "\n"));
        // The host delivers it again; the file now has it once.
        std::fs::create_dir(folder.path().join("not-there")).unwrap();
        sink.deliver(&list(&[("p1", "1")])).unwrap();
        sink.flush().unwrap();
        assert_eq!(std::fs::read_to_string(path).unwrap().lines().count(), 1);
    }

    #[test]
    fn why_a_file_cannot_be_appended_to() {
        use io::ErrorKind::{IsADirectory, NotFound, PermissionDenied, StorageFull};
        let kinds = [NotFound, PermissionDenied, IsADirectory, StorageFull];
        let page = kinds.map(|kind| why("/var/log/out.jsonl", &kind.into()) + "\n").concat();
        expect_file!["../messages/jsonl.open.txt"].assert_eq(&page);
    }

    #[test]
    fn what_cannot_be_written_to_is_found_out_when_it_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let error = sink(&path("not-there/out.jsonl")).open().unwrap_err();
        assert_eq!(error.option, Some("path"));
        let says = format!("cannot append to {}: ", path("not-there/out.jsonl"));
        assert!(error.message.starts_with(&says), "{error}");
        assert!(
            error.message.ends_with("; make the directory, or name a file in one that is there"),
            "{error}"
        );
        assert!(sink(&path(".")).open().is_err());
        sink(&path("made.jsonl")).open().unwrap();
        assert_eq!(std::fs::read(path("made.jsonl")).unwrap(), b"");
        sink("-").open().unwrap();
    }

    /// Opening it would wait for its reader, and the host for that.
    #[cfg(unix)]
    #[test]
    fn a_pipe_is_opened_when_there_is_something_to_write() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let reader = std::thread::spawn({
            let path = path.clone();
            move || std::fs::read_to_string(path).unwrap()
        });
        let mut sink = sink(path.to_str().unwrap());
        sink.open().unwrap();
        sink.deliver(&list(&[("p1", "1")])).unwrap();
        sink.flush().unwrap();
        drop(sink);
        assert_eq!(reader.join().unwrap().lines().count(), 1);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error_each_time() {
        let mut sink = sink("/dev/full");
        for _ in 0..2 {
            sink.deliver(&list(&[("p1", "1")])).unwrap();
            let error = sink.flush().unwrap_err().to_string();
            assert!(error.starts_with("cannot write to /dev/full: No space left on device"), "{error}");
        }
    }

    /// Runs itself again in a process that may write a few KiB only, which is a disk that fills up inside a line.
    #[cfg(unix)]
    #[test]
    fn what_a_full_disk_leaves_of_a_line_is_cut_off() {
        const NAME: &str = "sink::jsonl::tests::what_a_full_disk_leaves_of_a_line_is_cut_off";
        const PATH: &str = "STOOK_TEST_SMALL_DISK";
        if let Ok(path) = std::env::var(PATH) {
            let mut sink = sink(&path);
            let mut write = |json: &str| sink.deliver(&list(&[("p1", json)])).and_then(|()| sink.flush());
            write("1").unwrap();
            write(&format!("\"{}\"", "x".repeat(ENOUGH / 2))).unwrap_err();
            return write("2").unwrap();
        }
        let text = in_file(|path| {
            let mut small = std::process::Command::new("sh");
            small.args(["-c", "trap '' XFSZ; ulimit -f 4; exec \"$@\"", "sh"]);
            small.arg(std::env::current_exe().unwrap()).args(["--exact", NAME]).env(PATH, path);
            let output = small.output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        });
        assert_eq!(values(&text), [json("[1]"), json("[2]")]);
    }

    #[test]
    fn options_are_checked() {
        conformance::plugin::<Jsonl>(&[]);
    }
}
