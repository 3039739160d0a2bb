//! What is handed over in pieces adds up to what was counted.
#![cfg(not(target_arch = "wasm32"))]

use metric_model::{GroupSpec, HistogramSpec, Metrics, OVERFLOWED};
use proptest::prelude::*;
use std::collections::{BTreeMap, HashMap};

const BOUNDS: [u64; 3] = [1_000, 250_000, 1_000_000];

#[derive(Clone, Debug)]
enum Step {
    Add {
        route: u8,
        n: u64,
    },
    Observe {
        route: u8,
        us: u64,
    },
    /// A drain of which every `refuse`th offer is refused.
    Drain {
        refuse: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..6_u8, 0..5_u64).prop_map(|(route, n)| Step::Add { route, n }),
        (0..6_u8, prop_oneof![0..3_000_000_u64, Just(1_000), Just(1_001)])
            .prop_map(|(route, us)| Step::Observe { route, us }),
        (1..5_usize).prop_map(|refuse| Step::Drain { refuse }),
    ]
}

/// The sums of all that was taken, by name; and names by index.
#[derive(Default)]
struct Host {
    sums: BTreeMap<String, u64>,
    names: HashMap<usize, String>,
}

impl Host {
    fn drain(&mut self, metrics: &mut Metrics, refuse: Option<usize>) {
        let mut offers = 0;
        metrics.drain(|series, delta| {
            let name = series.to_string();
            assert_eq!(self.names.entry(series.index()).or_insert_with(|| name.clone()), &name);
            offers += 1;
            let taken = refuse.is_none_or(|nth| offers % nth != 0);
            if taken {
                *self.sums.entry(name).or_default() += delta;
            }
            taken
        });
    }

    fn sum(&self, route: &str, name: &str) -> u64 {
        self.sums.get(&format!("route=.={route};.;{name}")).copied().unwrap_or(u64::MAX)
    }
}

proptest! {
    #[test]
    fn all_that_was_counted_arrives(
        steps in prop::collection::vec(step(), 0..120),
        cap in 1..8_usize,
    ) {
        let mut metrics = Metrics::new(cap);
        let group = metrics.group(GroupSpec {
            labels: &["route"],
            counters: &["n_total"],
            histograms: vec![HistogramSpec::seconds("t_seconds", &BOUNDS)],
        });
        let mut host = Host::default();
        let mut known: Vec<u8> = Vec::new();
        let mut counted: BTreeMap<String, (u64, Vec<u64>)> = BTreeMap::new();
        let mut overflowed = 0;
        for step in steps {
            let (Step::Add { route, .. } | Step::Observe { route, .. }) = step else {
                let Step::Drain { refuse } = step else { unreachable!() };
                host.drain(&mut metrics, Some(refuse));
                continue;
            };
            if !known.contains(&route) && known.len() < cap {
                known.push(route);
            }
            let expected = if known.contains(&route) { format!("r{route}") } else { overflowed += 1; "other".into() };
            let set = metrics.set(group, &[format!("r{route}").as_bytes()]);
            let (sum, values) = counted.entry(expected).or_default();
            match step {
                Step::Add { n, .. } => { metrics.add(set, 0, n); *sum += n; }
                Step::Observe { us, .. } => { metrics.observe(set, 0, us); values.push(us); }
                Step::Drain { .. } => unreachable!(),
            }
        }
        host.drain(&mut metrics, None);
        prop_assert_eq!(host.sums[OVERFLOWED], overflowed);
        let series = 1 + 4 + 3;
        prop_assert_eq!(host.sums.len(), 1 + counted.len() * series);
        prop_assert!(host.sums.len() <= 1 + (cap + 1) * series);
        prop_assert!(host.names.keys().all(|index| *index < host.names.len()), "indices are dense");
        for (route, (sum, values)) in counted {
            prop_assert_eq!(host.sum(&route, "n_total"), sum);
            for (le, bound) in [("0.001", BOUNDS[0]), ("0.25", BOUNDS[1]), ("1", BOUNDS[2]), ("+Inf", u64::MAX)] {
                let below = values.iter().filter(|us| **us <= bound).count() as u64;
                prop_assert_eq!(host.sum(&route, &format!("le=.={le};.;t_seconds_bucket")), below);
            }
            let us: u64 = values.iter().sum();
            prop_assert_eq!(host.sum(&route, "t_seconds_count"), values.len() as u64);
            prop_assert_eq!(host.sum(&route, "t_seconds_sum"), us / 1_000_000);
            prop_assert_eq!(host.sum(&route, "t_microseconds_total"), us);
        }
    }
}
