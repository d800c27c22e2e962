//! `throughput`: as many results as can be, beside frames that are decoded and dropped.

use std::convert::Infallible;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;
use stook_proto::transport::{Endpoint, Stream};
use stook_proto::wire::ContentType;
use stook_proto::wire::results::{Item, item::Correlation};
use stook_proto::{Decoder, payload};
use stook_types::Outcome as Ending;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Builder;
use uuid::Uuid;

use super::bare::Bare;
use super::fixture::PATIENCE;
use super::report::{Outcome, Row};
use super::stats::Samples;
use super::traffic::{SET, START, start, value_of};
use super::{Bench, Halt, clock, collector};

const COLLECTORS: u64 = 4;
const LIMIT: &str = "the bare limit";
/// From the first results to those that count.
const WARM: Duration = Duration::from_millis(500);
/// What a bare writer writes at once.
const WRITE: usize = 64 * 1024;
/// More than any frame has.
const FRAME: u32 = 4_096;

const ACKS: [&str; 2] = ["accepted", "delivered"];

/// What went through in the time that counts.
struct Rate {
    /// Millions of results in a second.
    millions: f64,
    /// Seconds of processor time of this process, for a million of results.
    cpu: f64,
}

/// All runs of one way to do it.
#[derive(Default)]
struct Runs {
    millions: Samples,
    cpu: Samples,
    /// To the mean of the two limits before and after.
    ratio: Samples,
}

/// What the sink has counted: results of complete sets, and of others.
#[derive(Default)]
struct Counted {
    whole: AtomicU64,
    partial: AtomicU64,
}

pub(super) fn measure(bench: &mut Bench) -> Result<Outcome, Halt> {
    let rounds = bench.amount(1, 3);
    let window = Duration::from_millis(bench.amount(1_000, 4_000) as u64);
    let mut bare = Runs::default();
    let mut acks = ACKS.map(|ack| (ack, Runs::default(), 0));
    for _ in 0..rounds {
        let mut before = limit(bench, window)?;
        bare.add(&before);
        for (ack, runs, partial) in &mut acks {
            let (rate, more) = stook(bench, ack, window)?;
            let after = limit(bench, window)?;
            runs.ratio.push(rate.millions * 2.0 / (before.millions + after.millions));
            runs.add(&rate);
            bare.add(&after);
            *partial += more;
            before = after;
        }
    }
    let mut rows = vec![
        Row::of(LIMIT, &bare.millions, "M/s"),
        Row::of("  its processor time for a million", &bare.cpu, "s"),
    ];
    let mut notes = vec![
        format!(
            "{COLLECTORS} processes, sets of {SET} from different ones, 128 bytes of payload, `list`; results, not sets"
        ),
        format!("{LIMIT}: one protobuf message a frame, buffered writes, decoded and dropped; before and after each run"),
        format!("samples are runs of {window:?}; ratios are medians over the runs"),
        "the bar counts `accepted`, the default: no replay buffer bounds how far a collector is ahead there, but who opens \
         sets reads after who fills them while there are many"
            .into(),
    ];
    let value = acks[0].1.ratio.median();
    for (ack, runs, partial) in &acks {
        let row = Row::of(format!("ack = {ack:?}"), &runs.millions, "M/s");
        rows.push(row.beside(runs.ratio.median(), LIMIT));
        rows.push(Row::of("  the host's processor time for a million", &runs.cpu, "s"));
        if *partial > 0 {
            notes
                .push(format!("{partial} more results with `{ack}` were in sets that were released partial"));
        }
    }
    Ok(Outcome { values: vec![("throughput", value)], rows, notes })
}

/// Results through a host into a sink that counts, and how many were released in sets that were not whole.
fn stook(bench: &mut Bench, ack: &str, window: Duration) -> Result<(Rate, u64), Halt> {
    let counted = Arc::new(Counted::default());
    let counting = counted.clone();
    let words = [format!("--from={}", clock::in_a_while(START))];
    let _fixture = start(bench, ack, COLLECTORS, &words, move |result| {
        let counter = match result.outcome {
            Ending::Complete => &counting.whole,
            Ending::Partial => &counting.partial,
        };
        counter.fetch_add(result.results, Ordering::Relaxed);
    })?;
    let rate = rate(bench, &format!("stook, {ack}"), window, &counted.whole)?;
    Ok((rate, counted.partial.load(Ordering::Relaxed)))
}

/// Frames from as many processes, decoded and dropped.
fn limit(bench: &mut Bench, window: Duration) -> Result<Rate, Halt> {
    let received = Arc::new(AtomicU64::new(0));
    let counting = received.clone();
    let clients = (0..COLLECTORS).map(|_| vec!["write".to_owned()]);
    let _bare = Bare::start(clients, move |stream| drain(stream, counting.clone()))?;
    bench.until("until the first frame is there", PATIENCE, || received.load(Ordering::Relaxed) > 0)?;
    rate(bench, LIMIT, window, &received)
}

/// Looks at a counter twice.
fn rate(bench: &mut Bench, what: &str, window: Duration, counter: &AtomicU64) -> Result<Rate, Halt> {
    bench.pause(what, WARM)?;
    let (start, before, worked) = (Instant::now(), counter.load(Ordering::Relaxed), clock::of_this_process());
    bench.pause(what, window)?;
    let (took, after, worked) =
        (start.elapsed(), counter.load(Ordering::Relaxed), clock::of_this_process() - worked);
    if after == before {
        return Err(Halt::failed(format!("nothing came through: {what}")));
    }
    let millions = (after - before) as f64 / 1e6;
    Ok(Rate { millions: millions / took.as_secs_f64(), cpu: worked as f64 / 1e9 / millions })
}

async fn drain(stream: Stream, received: Arc<AtomicU64>) -> io::Result<()> {
    let mut decoder = Decoder::new(FRAME);
    while (&stream).read_buf(decoder.read_buffer()).await? > 0 {
        let mut count = 0;
        while let Some(frame) = decoder.next_frame().map_err(io::Error::other)? {
            std::hint::black_box(Item::decode(frame).map_err(io::Error::other)?);
            count += 1;
        }
        received.fetch_add(count, Ordering::Relaxed);
    }
    Ok(())
}

/// Writes frames for as long as somebody reads them.
pub fn write() -> ExitCode {
    collector::on_the_leash();
    let Ok(runtime) = Builder::new_current_thread().enable_all().build() else { return ExitCode::FAILURE };
    match runtime.block_on(writing()) {
        Err(_) => ExitCode::SUCCESS,
        Ok(never) => match never {},
    }
}

async fn writing() -> io::Result<Infallible> {
    let stream = Endpoint::from_env("stook").map_err(io::Error::other)?;
    let stream = stream.connect().await.map_err(io::Error::other)?;
    let payload = payload(&value_of(0)).map_err(io::Error::other)?.bytes().clone();
    let mut buffer = BytesMut::with_capacity(WRITE + FRAME as usize);
    for sequence in 1.. {
        let item = item(sequence, payload.clone());
        // It is far below the limit of a frame.
        buffer.put_u32_le(item.encoded_len() as u32);
        item.encode(&mut buffer).map_err(io::Error::other)?;
        if buffer.len() >= WRITE {
            (&stream).write_all(&buffer).await?;
            buffer.clear();
        }
    }
    Err(io::Error::other("there are no more numbers"))
}

/// What a collector would say of its result.
fn item(sequence: u64, payload: Bytes) -> Item {
    let set = Uuid::from_u128(sequence.into()).into_bytes();
    Item {
        correlation: Some(Correlation::Uuid(Bytes::copy_from_slice(&set))),
        sequence,
        content_type: ContentType::Value.into(),
        payload,
        ..Item::default()
    }
}

impl Runs {
    fn add(&mut self, rate: &Rate) {
        self.millions.push(rate.millions);
        self.cpu.push(rate.cpu);
    }
}
