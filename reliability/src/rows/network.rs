//! What may happen between Envoys and companion.

#![expect(clippy::unnecessary_wraps, reason = "steps of rows")]

use anyhow::Result;
use testbed::Way;

use crate::Stand;

pub(crate) fn pass(stand: &mut Stand) -> Result<()> {
    all(stand, Way::Pass)
}

pub(crate) fn cut(stand: &mut Stand) -> Result<()> {
    all(stand, Way::Silent)
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

fn all(stand: &mut Stand, way: Way) -> Result<()> {
    for relay in &stand.to_companion {
        relay.set(way);
    }
    Ok(())
}
