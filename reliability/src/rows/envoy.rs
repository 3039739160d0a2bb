//! What may happen to an Envoy.

use anyhow::Result;

use crate::Stand;

pub(crate) fn hot_restart(stand: &mut Stand) -> Result<()> {
    stand.envoys[0].envoy.hot_restart()
}
