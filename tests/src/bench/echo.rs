//! The limit of `latency`: as many processes that send as much at the same times, and get it back from a server that
//! does nothing else.

use std::io::{self, Write};
use std::process::ExitCode;

use bytes::{Buf, BytesMut};
use stook_proto::transport::{Endpoint, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Builder;
use tokio::time::{MissedTickBehavior, interval};

use super::traffic::{PAYLOAD, Pace, Part};
use super::{clock, collector};

/// What is read at once.
const READ: usize = 64 * 1024;
/// Bytes of a message, with what a result has beside its payload; the first eight say when it was sent.
const MESSAGE: usize = PAYLOAD + 40;
/// A message on its way for longer does not count any more.
const LATE: i64 = 500_000_000;

/// Gives back what comes.
pub(super) async fn serve(stream: Stream) -> io::Result<()> {
    let mut buffer = BytesMut::with_capacity(READ);
    while (&stream).read_buf(&mut buffer).await? > 0 {
        (&stream).write_all(&buffer).await?;
        buffer.clear();
        buffer.reserve(READ);
    }
    Ok(())
}

/// Sends until a time on the common clock, then prints how long each message from a time on has taken: nanoseconds, 8
/// bytes each.
pub fn echo(part: Part, sets_per_second: u64, from: i64, until: i64) -> ExitCode {
    collector::on_the_leash();
    let took = Builder::new_current_thread()
        .enable_all()
        .build()
        .and_then(|runtime| runtime.block_on(send(part, Pace::starting_now(sets_per_second), from, until)));
    let print = |took: Vec<i64>| {
        let took: Vec<u8> = took.into_iter().flat_map(i64::to_le_bytes).collect();
        io::stdout().lock().write_all(&took)
    };
    match took.and_then(print) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// What a client has printed, in milliseconds each.
pub(super) fn printed(output: &[u8]) -> impl Iterator<Item = f64> {
    let (took, _) = output.as_chunks();
    took.iter().map(|took| clock::ms_between(0, i64::from_le_bytes(*took)))
}

async fn send(part: Part, mut pace: Pace, from: i64, until: i64) -> io::Result<Vec<i64>> {
    let endpoint = Endpoint::from_env("stook").map_err(io::Error::other)?;
    let stream = endpoint.connect().await.map_err(io::Error::other)?;
    let mut ticks = interval(Pace::TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let (mut incoming, mut outgoing) = (BytesMut::with_capacity(READ), BytesMut::with_capacity(READ));
    let mut all = Vec::new();
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                if clock::now() >= until + LATE {
                    return Ok(all);
                }
                for _ in pace.due(clock::now()).filter(|set| part.has(*set)) {
                    outgoing.extend_from_slice(&clock::now().to_le_bytes());
                    outgoing.resize(outgoing.len() + MESSAGE - size_of::<i64>(), 0);
                }
                (&stream).write_all(&outgoing).await?;
                outgoing.clear();
            }
            read = read_some(&stream, &mut incoming) => {
                if read? == 0 {
                    return Ok(all);
                }
                let now = clock::now();
                while incoming.len() >= MESSAGE {
                    let sent = incoming.get_i64_le();
                    incoming.advance(MESSAGE - size_of::<i64>());
                    if (from..until).contains(&sent) {
                        all.push(now - sent);
                    }
                }
            }
        }
    }
}

async fn read_some(stream: &Stream, into: &mut BytesMut) -> io::Result<usize> {
    let mut stream = stream;
    into.reserve(READ / 2);
    stream.read_buf(into).await
}
