//! What the measurements have to show.

use super::measure::Measured;

/// Something that has to hold, or is aimed at.
#[derive(Debug)]
struct Target {
    case: &'static str,
    limit: Limit,
    other: &'static str,
    /// Aims are shown, and do not fail the run.
    is_aim: bool,
}

#[derive(Debug, Clone, Copy)]
enum Limit {
    /// CPU time per request, as a multiple of the other's.
    Times(f64),
    /// CPU time per request, microseconds more than the other's.
    Plus(f64),
    /// Bytes of the body, as a multiple of the other's.
    Size(f64),
}

const fn target(case: &'static str, limit: Limit, other: &'static str) -> Target {
    Target { case, limit, other, is_aim: false }
}

const fn aim(case: &'static str, limit: Limit, other: &'static str) -> Target {
    Target { is_aim: true, ..target(case, limit, other) }
}

const TARGETS: [Target; 17] = [
    target("l1", Limit::Times(1.25), "direct"),
    target("l1", Limit::Times(1.0), "envoy-cache"),
    target("l2-embedded", Limit::Times(1.1), "plain"),
    target("l2-redis", Limit::Times(1.1), "plain"),
    target("metrics", Limit::Plus(3.0), "plain"),
    target("gzip-wasm-20k", Limit::Times(1.05), "gzip-native-20k"),
    target("gzip-wasm-20k", Limit::Size(1.02), "gzip-native-20k"),
    target("gzip-wasm-50k", Limit::Times(1.05), "gzip-native-50k"),
    target("gzip-wasm-50k", Limit::Size(1.02), "gzip-native-50k"),
    target("observe-20k", Limit::Plus(3.0), "gzip-native-20k"),
    target("l1-gzip", Limit::Times(1.05), "l1"),
    aim("zstd-wasm-20k", Limit::Size(1.02), "zstd-native-20k"),
    aim("zstd-wasm-50k", Limit::Size(1.02), "zstd-native-50k"),
    aim("br-wasm-20k", Limit::Size(1.02), "br-native-20k"),
    aim("br-wasm-50k", Limit::Size(1.02), "br-native-50k"),
    aim("l1", Limit::Times(1.05), "direct"),
    aim("l1", Limit::Times(1.0), "envoy-cache-v2"),
];

/// How a target was met.
#[derive(Debug)]
pub struct Verdict {
    /// What has to hold, in words.
    pub what: String,
    /// What was measured; none if `--only` left one of the cases out.
    pub found: Option<String>,
    /// Whether it held.
    pub held: bool,
    /// Whether it is an aim only.
    pub is_aim: bool,
}

impl Verdict {
    /// Whether it lets the run fail.
    pub fn fails(&self) -> bool {
        self.found.is_some() && !self.held && !self.is_aim
    }

    /// One line: the verdict, what has to hold and what was found.
    pub fn line(&self) -> String {
        let word = match (&self.found, self.held, self.is_aim) {
            (None, ..) => "SKIP",
            (Some(_), true, false) => "PASS",
            (Some(_), false, false) => "FAIL",
            (Some(_), true, true) => "aim met",
            (Some(_), false, true) => "aim missed",
        };
        format!("{word}  {} ({})", self.what, self.found.as_deref().unwrap_or("not measured"))
    }
}

/// How all targets were met.
pub fn judge(measured: &[Measured]) -> Vec<Verdict> {
    TARGETS.iter().map(|target| verdict(target, measured)).collect()
}

fn verdict(target: &Target, measured: &[Measured]) -> Verdict {
    let Target { case, limit, other, is_aim } = target;
    let find = |name: &str| measured.iter().find(|measured| measured.case.name == name);
    let pair = find(case).zip(find(other));
    let what = match limit {
        Limit::Times(most) => format!("{case} ≤ {most:.2} × {other}"),
        Limit::Plus(most) => format!("{case} ≤ {other} + {most:.1} µs"),
        Limit::Size(most) => format!("size of {case} ≤ {most:.2} × {other}"),
    };
    let found = pair.and_then(|(own, other)| match limit {
        Limit::Times(most) => {
            let ratio = own.compared(other, |own, other| own / other)?;
            Some((
                ratio.median <= *most,
                format!("{:.3}, rounds {:.3}–{:.3}", ratio.median, ratio.least, ratio.most),
            ))
        }
        Limit::Plus(most) => {
            let more = own.compared(other, |own, other| own - other)?;
            Some((
                more.median <= *most,
                format!("{:+.2} µs, rounds {:+.2} to {:+.2}", more.median, more.least, more.most),
            ))
        }
        Limit::Size(most) => {
            let ratio = own.body_bytes as f64 / other.body_bytes as f64;
            Some((ratio <= *most, format!("{ratio:.3}: {} and {} bytes", own.body_bytes, other.body_bytes)))
        }
    });
    let held = found.as_ref().is_some_and(|(held, _)| *held);
    Verdict { what, found: found.map(|(_, text)| text), held, is_aim: *is_aim }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::cases;
    use crate::bench::measure::Sample;

    fn measured(name: &str, cpu_us: &[f64], body_bytes: usize) -> Measured {
        let sample =
            |cpu_us: &f64| Sample { rate: 1.0, p50_ms: 1.0, p99_ms: 1.0, cpu_us: *cpu_us, waited: 0.0 };
        Measured {
            case: cases::parse(name).unwrap(),
            samples: cpu_us.iter().map(sample).collect(),
            body_bytes,
        }
    }

    #[test]
    fn every_target_names_cases_there_are() {
        for target in &TARGETS {
            cases::parse(target.case).unwrap();
            cases::parse(target.other).unwrap();
        }
    }

    #[test]
    fn rounds_are_compared_with_their_neighbours() {
        // Every round has its own pace; within each, l1 is at 1.2 times direct, but for one.
        let slow = [measured("direct", &[10.0, 20.0, 40.0], 1), measured("l1", &[12.0, 24.0, 80.0], 1)];
        let verdict = |measured: &[Measured], what: &str| {
            judge(measured).into_iter().find(|verdict| verdict.what == what).unwrap()
        };
        let found = verdict(&slow, "l1 ≤ 1.25 × direct");
        assert_eq!(found.line(), "PASS  l1 ≤ 1.25 × direct (1.200, rounds 1.200–2.000)");
        assert_eq!(verdict(&slow, "l1 ≤ 1.05 × direct").line().split(' ').nth(1), Some("missed"));
        let skipped = verdict(&slow, "l1 ≤ 1.00 × envoy-cache");
        assert!(!skipped.fails() && skipped.line().starts_with("SKIP"), "{}", skipped.line());

        let metrics = [measured("plain", &[10.0, 11.0], 1), measured("metrics", &[13.5, 14.5], 1)];
        let found = verdict(&metrics, "metrics ≤ plain + 3.0 µs");
        assert!(found.fails(), "{}", found.line());
        assert!(found.line().starts_with("FAIL") && found.line().contains("+3.50 µs"), "{}", found.line());

        let sizes = [measured("gzip-native-20k", &[1.0], 1_000), measured("gzip-wasm-20k", &[1.0], 1_021)];
        assert!(verdict(&sizes, "size of gzip-wasm-20k ≤ 1.02 × gzip-native-20k").fails());
    }
}
