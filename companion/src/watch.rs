//! What Envoys and the companion show of their metrics, read again and again and summed up: for `slipstream top`, and
//! for the page at `/ui`.

mod histogram;
mod overview;
mod reading;
mod show;
mod source;
mod watcher;

pub(crate) use overview::{Overview, RouteRow, Rows, SourceState};
pub(crate) use show::{percent, time};
pub(crate) use source::Source;
pub(crate) use watcher::Watcher;
