//! The short form of `cargo xtask test faults`: parts fail under a light load, and no client gets an error, or an answer that the
//! service would not have given. Times are the long form's affair.

use std::sync::Mutex;

use reliability::{Effort, Kind, ROWS, Stand, run};

/// One stand at a time: four Envoys would leave nothing to the load on a machine with two processors.
static TURN: Mutex<()> = Mutex::new(());

/// Tries all rows with these names, one after the other, on one stand.
fn try_rows(kind: Kind, names: &[&str]) {
    let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let find =
        |name: &&str| ROWS.iter().find(|row| row.name == *name).unwrap_or_else(|| panic!("no row {name}"));
    let rows: Vec<_> = names.iter().map(find).collect();
    if let Some(obstacle) = rows.iter().find_map(|row| row.obstacle()) {
        println!("left out: {obstacle}");
        return;
    }
    let mut stand = Stand::start(kind).unwrap();
    for row in rows {
        let name = row.name;
        let outcome = run(&mut stand, row, &Effort::SHORT).unwrap();
        println!("{}", outcome.line().trim_end());
        let complaints = outcome.complaints();
        assert!(complaints.is_empty(), "{name}: {}", complaints.join("\n"));
    }
}

#[test]
fn redis_may_be_killed_frozen_slow_full_read_only_or_flushed() {
    let names =
        ["redis-killed", "redis-frozen", "redis-slow", "redis-full", "redis-read-only", "redis-flushed"];
    try_rows(Kind::Usual, &names);
}

#[test]
fn the_companion_may_be_killed_frozen_starved_or_restarted() {
    let names = ["companion-killed", "companion-frozen", "companion-out-of-memory", "companion-restarted"];
    try_rows(Kind::Usual, &names);
}

#[test]
fn the_companion_may_be_cut_off() {
    try_rows(Kind::Usual, &["network-half-cut"]);
    try_rows(Kind::OwnHost, &["network-cut"]);
}

#[test]
fn the_companion_may_talk_nonsense() {
    try_rows(Kind::BothProtocols, &["companion-garbage", "companion-halves", "companion-wrong-sizes"]);
}

#[test]
fn the_time_of_day_may_jump() {
    try_rows(Kind::Clocks, &["clock-of-companion", "clock-of-envoy", "clock-of-envoy-cut-off"]);
}

#[test]
fn each_row_has_a_name_of_its_own() {
    let mut names: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), ROWS.len());
}
