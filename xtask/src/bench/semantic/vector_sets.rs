//! The nearest questions by Redis' vector sets, as the companion asks for them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use semantic_index::cosine;
use testbed::{Redis, RedisOptions};

/// Vectors that are put in at a time.
const BATCH: usize = 100;
/// As `companion/src/semantic/vector_sets.rs` has it.
const EFFORT: &str = "200";
const NEIGHBOURS: &str = "16";

/// The median time of a search in milliseconds, and how often the nearest was among those that were found.
pub fn measure(stored: &[Vec<f32>], queries: &[Vec<f32>]) -> Result<(f64, f64)> {
    let redis = Redis::start(RedisOptions { with_vector_sets: true, ..RedisOptions::default() })?;
    let stream = TcpStream::connect(("127.0.0.1", redis.port()))?;
    stream.set_nodelay(true)?;
    let mut connection = Connection { answers: BufReader::new(stream.try_clone()?), stream };
    let names: Vec<String> = (0..stored.len()).map(|number| format!("{number:016x}")).collect();
    let all: Vec<(&String, &Vec<f32>)> = names.iter().zip(stored).collect();
    for some in all.chunks(BATCH) {
        let mut commands = Vec::new();
        for (name, vector) in some {
            let parts = [&b"VADD"[..], b"vectors", b"FP32", &bytes(vector), name.as_bytes(), b"Q8"];
            command(&mut commands, &parts);
        }
        connection.stream.write_all(&commands)?;
        for _ in some {
            connection.answer()?;
        }
    }
    let (mut times, mut right) = (Vec::new(), 0);
    for query in queries {
        let mut search = Vec::new();
        let parts = [
            &b"VSIM"[..],
            b"vectors",
            b"FP32",
            &bytes(query),
            b"COUNT",
            NEIGHBOURS.as_bytes(),
            b"EF",
            EFFORT.as_bytes(),
        ];
        command(&mut search, &parts);
        let start = Instant::now();
        connection.stream.write_all(&search)?;
        let found = connection.answer()?;
        times.push(start.elapsed().as_secs_f64() * 1_000.0);
        let nearest = all.iter().max_by(|one, other| cosine(one.1, query).total_cmp(&cosine(other.1, query)));
        right += usize::from(nearest.is_some_and(|(name, _)| found.contains(name)));
    }
    times.sort_by(f64::total_cmp);
    let median = times.get(times.len() / 2).copied().context("nothing was looked up")?;
    Ok((median, right as f64 / queries.len() as f64))
}

struct Connection {
    stream: TcpStream,
    answers: BufReader<TcpStream>,
}

impl Connection {
    /// The texts of the next answer; none if it is a number.
    fn answer(&mut self) -> Result<Vec<String>> {
        let line = self.line()?;
        match line.split_at_checked(1) {
            Some((":", _)) => Ok(Vec::new()),
            Some(("*", count)) => (0..count.parse::<usize>()?).map(|_| self.text()).collect(),
            _ => bail!("Redis says {line:?}"),
        }
    }

    fn text(&mut self) -> Result<String> {
        let line = self.line()?;
        let length =
            line.strip_prefix('$').with_context(|| format!("no text: {line:?}"))?.parse::<usize>()?;
        let mut text = vec![0; length + 2];
        self.answers.read_exact(&mut text)?;
        text.truncate(length);
        Ok(String::from_utf8(text)?)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }
}

fn command(out: &mut Vec<u8>, parts: &[&[u8]]) {
    out.extend_from_slice(format!("*{}\r\n", parts.len()).as_bytes());
    for part in parts {
        out.extend_from_slice(format!("${}\r\n", part.len()).as_bytes());
        out.extend_from_slice(part);
        out.extend_from_slice(b"\r\n");
    }
}

fn bytes(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|number| number.to_le_bytes()).collect()
}
