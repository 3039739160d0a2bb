//! What may happen between Envoys and companion.

#![expect(clippy::unnecessary_wraps, reason = "steps of rows")]

use anyhow::{Context, Result};
use testbed::{Namespace, Way};

use crate::Stand;

pub(crate) fn pass(stand: &mut Stand) -> Result<()> {
    all(stand, Way::Pass)
}

/// The cable is pulled: packets are lost, and nobody is told.
pub(crate) fn cut(stand: &mut Stand) -> Result<()> {
    own_host(stand)?.set_front(false)
}

pub(crate) fn heal(stand: &mut Stand) -> Result<()> {
    own_host(stand)?.set_front(true)
}

pub(crate) fn half_cut(stand: &mut Stand) -> Result<()> {
    stand.to_companion[0].set(Way::Silent);
    Ok(())
}

pub(crate) fn close(stand: &mut Stand) -> Result<()> {
    all(stand, Way::Closed)
}

pub(crate) fn garbage(stand: &mut Stand) -> Result<()> {
    all(stand, Way::Garbage)
}

pub(crate) fn halves(stand: &mut Stand) -> Result<()> {
    all(stand, Way::Halves)
}

pub(crate) fn wrong_sizes(stand: &mut Stand) -> Result<()> {
    all(stand, Way::WrongSizes)
}

fn own_host(stand: &Stand) -> Result<&Namespace> {
    stand.extras.companion_host.as_ref().context("the companion is on no host of its own")
}

fn all(stand: &mut Stand, way: Way) -> Result<()> {
    for relay in &stand.to_companion {
        relay.set(way);
    }
    Ok(())
}
