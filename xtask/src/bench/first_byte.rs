//! When the first byte of a response comes that trickles out of its service, compressed as it comes and not compressed.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use testbed::artifacts::{self, Artifact};
use testbed::{Answer, Envoy, EnvoyOptions, Origin, Tool};

use super::cases::{Case, Filter, PLAIN, Proxy};
use super::envoy_config::{self, Ports};
use super::statistics::Spread;
use super::targets::Verdict;
use super::{bodies, cases, say};

/// How to measure.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// How many responses of each kind are waited for; the median counts
    #[arg(long, default_value_t = TRIES, value_parser = clap::value_parser!(u16).range(3..=10_000))]
    tries: u16,
}

/// Responses of each kind, unless said otherwise.
pub const TRIES: u16 = 201;
/// How much later the first byte may come, in milliseconds.
const MOST_MS: f64 = 1.0;
/// The service sends so many bytes at a time,
const PIECE: usize = 2_000;
/// and then pauses.
const PAUSE: Duration = Duration::from_millis(5);
/// Nobody waits longer for a byte.
const PATIENCE: Duration = Duration::from_secs(30);

const COMPRESSED: Case = Case {
    name: "stream",
    what: "compression, as it comes",
    proxy: Proxy::Envoy(&[Filter::Compression { mode: Some("stream") }]),
    ..PLAIN
};

/// What was measured, in milliseconds from the first byte of the request to the first of the response's body.
#[derive(Debug)]
pub struct FirstByte {
    plain: Spread,
    compressed: Spread,
    /// How much later the compressed one came than the other of its turn: the machine may change its pace.
    more: Spread,
}

/// Measures, prints, and fails if the target is missed.
pub fn run(options: &Options) -> Result<ExitCode> {
    crate::ensure(&[Tool::Envoy])?;
    say("building what is measured");
    artifacts::build(&[Artifact::Filters])?;
    let verdict = measure(options.tries)?.verdict();
    println!("{}", verdict.line());
    Ok(if verdict.fails() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Waits for so many responses of each kind, by turns.
pub fn measure(tries: u16) -> Result<FirstByte> {
    say("waiting for first bytes");
    let origin = Origin::start(|_| Answer::json(bodies::body(cases::Size::Kb20)).chunked(PIECE, PAUSE))?;
    let ports = Ports { origin: origin.port(), companions: None };
    let config = envoy_config::bootstrap(&[&PLAIN, &COMPRESSED], ports, "")?;
    let envoy = Envoy::start(&config, &EnvoyOptions { concurrency: 1, ..EnvoyOptions::default() })?;
    let [plain_port, compressed_port] =
        [envoy.listener_port(PLAIN.name)?, envoy.listener_port(COMPRESSED.name)?];
    let (mut plain, mut compressed) = (Vec::new(), Vec::new());
    // Once for each before it counts.
    for _ in 0..=tries {
        plain.push(first_byte_ms(plain_port, false)?);
        compressed.push(first_byte_ms(compressed_port, true)?);
    }
    let spread = |times: Vec<f64>| Spread::of(times.into_iter().skip(1)).context("nothing was measured");
    let more = plain.iter().zip(&compressed).map(|(plain, compressed)| compressed - plain).collect();
    Ok(FirstByte { more: spread(more)?, plain: spread(plain)?, compressed: spread(compressed)? })
}

fn first_byte_ms(port: u16, is_compressed: bool) -> Result<f64> {
    let mut connection = TcpStream::connect(("127.0.0.1", port)).context("cannot connect to Envoy")?;
    connection.set_nodelay(true)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    let start = Instant::now();
    connection.write_all(
        b"GET /trickle HTTP/1.1\r\nhost: bench\r\naccept-encoding: gzip\r\nconnection: close\r\n\r\n",
    )?;
    let (mut received, mut buffer) = (Vec::new(), [0; 4_096]);
    let head = loop {
        if let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n")
            && received.len() > end + 4
        {
            break String::from_utf8_lossy(&received[..end]).into_owned();
        }
        let count = connection.read(&mut buffer).context("no first byte came")?;
        ensure!(count > 0, "the response ended before its first byte");
        received.extend_from_slice(&buffer[..count]);
    };
    let elapsed = start.elapsed();
    ensure!(head.starts_with("HTTP/1.1 200"), "expected status 200, found {head:?}");
    ensure!(
        head.contains("content-encoding: gzip") == is_compressed,
        "compressed: {is_compressed}, found {head:?}"
    );
    Ok(elapsed.as_secs_f64() * 1e3)
}

impl FirstByte {
    /// Whether the target was met.
    pub fn verdict(&self) -> Verdict {
        let more = self.more.median;
        let found =
            format!("{more:+.2} ms: {:.2} and {:.2} ms, medians", self.compressed.median, self.plain.median);
        Verdict {
            what: format!("first byte of a response that trickles: `stream` ≤ as it is + {MOST_MS:.1} ms"),
            found: Some(found),
            held: more <= MOST_MS,
            is_aim: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_millisecond_more_is_too_much() {
        let spread = |ms: f64| Spread::of([ms - 1.0, ms, ms + 9.0]).unwrap();
        for (compressed, held) in [(5.0, true), (5.9, true), (6.1, false), (4.0, true)] {
            let verdict = FirstByte {
                plain: spread(5.0),
                compressed: spread(compressed),
                more: spread(compressed - 5.0),
            }
            .verdict();
            assert_eq!((verdict.held, verdict.fails()), (held, !held), "{}", verdict.line());
        }
    }
}
