//! Every target on its corpus, and on seeded mutations of it.

use fuzz::mutate::{Random, mutated};
use fuzz::{TARGETS, Target};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Mutations of each input.
const MUTATIONS: usize = 200;

/// The inputs of a target's corpus, in the order of their names.
fn corpus(target: &Target) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut inputs: Vec<_> = entries
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()))
        .collect();
    inputs.sort();
    inputs
}

/// What of a target's corpus and its mutations makes it fail, if anything does.
fn first_failure(target: &Target) -> Option<String> {
    let inputs = corpus(target);
    assert!(!inputs.is_empty(), "{} has no corpus", target.name);
    let mut random = Random::new(0x51);
    for (name, input) in &inputs {
        let (_, other) = &inputs[random.below(inputs.len())];
        let mutations = (0..MUTATIONS).map(|_| mutated(input, other, &mut random));
        for bytes in std::iter::once(input.clone()).chain(mutations) {
            if catch_unwind(AssertUnwindSafe(|| (target.run)(&bytes))).is_err() {
                let bytes = bytes.escape_ascii();
                return Some(format!(
                    "{} ({}) fails on b\"{bytes}\", made of {name}",
                    target.name, target.about
                ));
            }
        }
    }
    None
}

#[test]
fn every_target_holds_on_its_corpus_and_near_it() {
    let failures: Vec<String> = TARGETS.iter().filter_map(first_failure).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_corpus_has_a_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(fuzz::target(&name).is_some(), "corpus/{name} has no target");
    }
}
