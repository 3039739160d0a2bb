//! The table of all label sets.

use crate::Series;
use crate::label::{self, MAX_VALUE_BYTES, OTHER};
use crate::registry::{Alone, Registry};
use crate::set::Set;
use crate::spec::GroupSpec;
use foldhash::fast::RandomState;
use std::collections::HashMap;

/// Name of the counter of look-ups that fell to a set of `other`s because a group had no room for one more set.
pub const OVERFLOWED: &str = "slipstream_metric_label_sets_overflowed_total";

/// The set of [`OVERFLOWED`]; the first, made by [`Metrics::new`].
const OVERFLOWED_SET: SetId = SetId(0);

/// A group of metrics of one [`Metrics`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GroupId(usize);

/// A label set of one [`Metrics`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SetId(usize);

/// All that a filter counts.
#[derive(Debug)]
pub struct Metrics {
    max_label_sets: usize,
    registry: Box<dyn Registry>,
    groups: Vec<Group>,
    sets: Vec<Set>,
    /// Those with something to hand over.
    changed: Vec<SetId>,
    series: usize,
    /// The key that is looked for, built in memory that is used again.
    key: Vec<u8>,
}

#[derive(Debug)]
struct Group {
    spec: GroupSpec,
    /// Names of a set's series.
    names: Vec<String>,
    /// For each histogram where its buckets begin among the numbers that a set counts.
    buckets_at: Vec<usize>,
    /// Sets by their labels' values, each preceded by its length.
    sets: HashMap<Box<[u8]>, SetId, RandomState>,
    /// The set for what exceeds the cap.
    other: Option<SetId>,
}

impl Metrics {
    /// No metrics yet. Each group keeps at most `max_label_sets` label sets (at least one), and one for the rest.
    pub fn new(max_label_sets: usize) -> Metrics {
        Metrics::shared(max_label_sets, Alone)
    }

    /// [`Metrics::new`] where others hand over under the same names: the cap is one for all of them.
    pub fn shared(max_label_sets: usize, registry: impl Registry + 'static) -> Metrics {
        let mut metrics = Metrics {
            max_label_sets: max_label_sets.max(1),
            registry: Box::new(registry),
            groups: Vec::new(),
            sets: Vec::new(),
            changed: Vec::new(),
            series: 0,
            key: Vec::new(),
        };
        let own = metrics.group(GroupSpec { labels: &[], counters: &[OVERFLOWED], histograms: Vec::new() });
        metrics.set(own, &[]);
        metrics
    }

    /// Adds a group of metrics.
    pub fn group(&mut self, spec: GroupSpec) -> GroupId {
        let mut next = spec.counters.len();
        let buckets_at = spec.histograms.iter().map(|histogram| {
            let at = next;
            next += histogram.bounds.len() + 2;
            at
        });
        let buckets_at = buckets_at.collect();
        let names = spec.series();
        self.groups.push(Group { spec, names, buckets_at, sets: HashMap::default(), other: None });
        GroupId(self.groups.len() - 1)
    }

    /// Finds the label set with these values, one a label, or makes it. Allocates only when it makes one.
    ///
    /// A new set's series are handed over by the next [`Metrics::drain`], at 0 if nothing has been counted. A reader
    /// of rates sees the first increments of those sets only that it has read at 0 before: make the sets that are known from the
    /// start when the filter is configured.
    ///
    /// What is told apart are the values' first 128 bytes. If the group is full, the answer is a set whose labels are
    /// all `other`, and [`OVERFLOWED`] counts the look-up. (Labels with few values, the method say, do not keep theirs:
    /// then the number of sets would be bounded by more than the number in the configuration.)
    pub fn set(&mut self, group: GroupId, values: &[&[u8]]) -> SetId {
        let Some(found) = self.groups.get_mut(group.0) else {
            debug_assert!(false, "a group of other metrics");
            return OVERFLOWED_SET;
        };
        debug_assert_eq!(values.len(), found.spec.labels.len(), "one value a label");
        self.key.clear();
        for value in values {
            let value = label::kept(value);
            self.key.push(value.len() as u8);
            self.key.extend_from_slice(value);
        }
        if let Some(&set) = found.sets.get(self.key.as_slice()) {
            return set;
        }
        if found.sets.len() < self.max_label_sets
            && self.registry.admit(group.0, &self.key, self.max_label_sets)
        {
            let key = self.key.as_slice().into();
            let set = self.make(group, values);
            if let Some(group) = self.groups.get_mut(group.0) {
                group.sets.insert(key, set);
            }
            return set;
        }
        let other = found.other;
        self.add(OVERFLOWED_SET, 0, 1);
        other.unwrap_or_else(|| self.make_other(group))
    }

    /// Adds `n` to a counter, by its place in [`GroupSpec::counters`].
    pub fn add(&mut self, set: SetId, counter: usize, n: u64) {
        let Some(found) = self.sets.get_mut(set.0) else { return };
        if self.groups.get(found.group.0).is_none_or(|group| counter >= group.spec.counters.len()) {
            debug_assert!(false, "no such counter");
            return;
        }
        found.add(counter, n);
        list(&mut self.changed, set, found);
    }

    /// Counts a value in a histogram, by its place in [`GroupSpec::histograms`], in the unit that it observes.
    pub fn observe(&mut self, set: SetId, histogram: usize, value: u64) {
        let Some(found) = self.sets.get_mut(set.0) else { return };
        let Some(group) = self.groups.get(found.group.0) else { return };
        let Some(spec) = group.spec.histograms.get(histogram) else {
            debug_assert!(false, "no such histogram");
            return;
        };
        let buckets_at = group.buckets_at.get(histogram).copied().unwrap_or_default();
        let bucket = spec.bounds.iter().take_while(|bound| value > **bound).count();
        found.add(buckets_at + bucket, 1);
        found.add(buckets_at + spec.bounds.len() + 1, value);
        list(&mut self.changed, set, found);
    }

    /// Hands over what was added since the last time: calls `take` for each series that has grown, or that is new,
    /// with what it has grown by (0 only if it is new). What `take` refuses by `false` is offered again the next time.
    pub fn drain(&mut self, mut take: impl FnMut(Series<'_>, u64) -> bool) {
        let Metrics { groups, sets, changed, .. } = self;
        changed.retain(|id| {
            let Some(set) = sets.get_mut(id.0) else { return false };
            let Some(group) = groups.get(set.group.0) else { return false };
            set.settle(&group.spec);
            set.listed = !set.hand_over(&group.names, &mut take);
            set.listed
        });
    }

    fn make_other(&mut self, group: GroupId) -> SetId {
        let labels = self.groups.get(group.0).map_or(0, |group| group.spec.labels.len());
        let set = self.make(group, &vec![OTHER; labels]);
        if let Some(group) = self.groups.get_mut(group.0) {
            group.other = Some(set);
        }
        set
    }

    fn make(&mut self, id: GroupId, values: &[&[u8]]) -> SetId {
        let Some(group) = self.groups.get(id.0) else { return OVERFLOWED_SET };
        let mut labels = String::new();
        for (name, value) in group.spec.labels.iter().zip(values) {
            label::encode(name, value, &mut labels);
        }
        let mut made = Set::new(id, &group.spec, labels, self.series, group.names.len());
        self.series += group.names.len();
        let set = SetId(self.sets.len());
        list(&mut self.changed, set, &mut made);
        self.sets.push(made);
        set
    }
}

const _: () = assert!(MAX_VALUE_BYTES <= u8::MAX as usize, "a length in a key is one byte");

fn list(changed: &mut Vec<SetId>, id: SetId, set: &mut Set) {
    if !set.listed {
        set.listed = true;
        changed.push(id);
    }
}
