//! The clients: HTTP/1.1 on connections that stay open, each request sent when the answer before it has been read.
//!
//! They do as little as they can, since they share a machine with what they measure.

use std::{
    io::{self, Read as _, Write as _},
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use hdrhistogram::Histogram;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

/// A connection to a server.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
    head: &'a [u8],
}

impl Answer<'_> {
    /// A header's first value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.head).ok()?.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await.context("cannot connect to the server")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; 16 * 1024] })
    }

    /// Sends a request and reads the answer, which must say its length.
    pub(crate) async fn call(&mut self, request: &[u8]) -> Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        let mut read = 0;
        loop {
            ensure!(read < self.buffer.len(), "the answer is too long");
            let more = self.stream.read(&mut self.buffer[read..]).await?;
            ensure!(more > 0, "the server closed the connection");
            read += more;
            let mut headers = [httparse::EMPTY_HEADER; 32];
            let mut parsed = httparse::Response::new(&mut headers);
            let httparse::Status::Complete(head) = parsed.parse(&self.buffer[..read])? else { continue };
            let status = parsed.code.context("no status")?;
            let length =
                parsed.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
            let length = length.context("no content-length")?.value;
            let end = head + std::str::from_utf8(length)?.parse::<usize>()?;
            if read < end {
                continue;
            }
            return Ok(Answer { status, head: &self.buffer[..head], body: &self.buffer[head..end] });
        }
    }
}

/// A request without a body.
pub(crate) fn get(path: &str, headers: &[(String, String)]) -> Vec<u8> {
    let mut text = format!("GET {path} HTTP/1.1\r\nhost: bench\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text.into_bytes()
}

/// A request with a JSON body.
pub(crate) fn post(path: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let length = body.len();
    let mut text = format!("POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!("content-length: {length}\r\n\r\n{body}"));
    text.into_bytes()
}

/// What came of a load.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Answers.
    pub(crate) answers: u64,
    /// For how long.
    pub(crate) took: Duration,
    /// How long an answer took, in nanoseconds.
    pub(crate) latency: Histogram<u64>,
}

impl Outcome {
    #[allow(clippy::cast_precision_loss)]
    pub(crate) fn per_second(&self) -> f64 {
        self.answers as f64 / self.took.as_secs_f64()
    }
}

fn histogram() -> Histogram<u64> {
    // Three significant digits, up to a minute.
    Histogram::new_with_bounds(100, 60_000_000_000, 3).unwrap_or_else(|_| unreachable!("valid bounds"))
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// What is asked in turn, and the status that must come.
pub(crate) type Requests = Arc<[(Vec<u8>, u16)]>;

/// Asks as often as answers come, on so many connections, until the time is over. An answer with another status
/// ends it with an error.
///
/// It never sleeps but looks at one connection after the other: a server would pay for waking it, and the more so
/// the slower it is. That needs a core of its own.
pub(crate) fn saturate(
    address: SocketAddr,
    request: &[u8],
    connections: usize,
    time: Duration,
) -> Result<(u64, Duration)> {
    let mut streams = (0..connections)
        .map(|_| {
            let mut stream = std::net::TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            stream.write_all(request)?;
            Ok(stream)
        })
        .collect::<Result<Vec<_>>>()?;
    let mut buffer = [0; 4096];
    let start = Instant::now();
    let mut answers = 0;
    while start.elapsed() < time {
        for stream in &mut streams {
            let read = match stream.read(&mut buffer) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error.into()),
            };
            // Answers are short: each comes in one piece.
            let answer = &buffer[..read];
            ensure!(
                answer.starts_with(b"HTTP/1.1 200 ") && answer.ends_with(b"}"),
                "not what was asked for: {}",
                String::from_utf8_lossy(answer)
            );
            answers += 1;
            stream.write_all(request)?;
        }
    }
    Ok((answers, start.elapsed()))
}

/// Asks at fixed times, whether or not the answer before was late; what an answer took is counted from then.
pub(crate) async fn pace(
    address: SocketAddr,
    requests: Requests,
    connections: usize,
    every: Duration,
    time: Duration,
) -> Result<Outcome> {
    run(connections, time, move |until| ask(address, Arc::clone(&requests), until, every)).await
}

async fn ask(
    address: SocketAddr,
    requests: Requests,
    until: Instant,
    every: Duration,
) -> Result<Histogram<u64>> {
    let mut connection = Connection::open(address).await?;
    let mut latency = histogram();
    let mut due = Instant::now();
    for (request, expected) in requests.iter().cycle() {
        // When the answer before came too late, the wait for it belongs to this one as well.
        due += every;
        let mut asked = due;
        if Instant::now() < due {
            tokio::time::sleep_until(due.into()).await;
            asked = Instant::now();
        }
        if asked >= until {
            break;
        }
        let answer = connection.call(request).await?;
        if answer.status != *expected {
            bail!("{} instead of {expected}: {}", answer.status, String::from_utf8_lossy(answer.body));
        }
        latency.saturating_record(nanoseconds(asked.elapsed()));
    }
    Ok(latency)
}

/// Does `work` on so many connections at once, and adds up.
pub(crate) async fn run<F>(connections: usize, time: Duration, work: impl Fn(Instant) -> F) -> Result<Outcome>
where
    F: Future<Output = Result<Histogram<u64>>> + Send + 'static,
{
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..connections {
        tasks.spawn(work(start + time));
    }
    let mut latency = histogram();
    while let Some(part) = tasks.join_next().await {
        latency.add(part??)?;
    }
    Ok(Outcome { answers: latency.len(), took: start.elapsed(), latency })
}
