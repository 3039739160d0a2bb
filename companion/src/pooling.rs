//! PgBouncer: its configuration, its console, and what it says about itself.

mod advice;
mod budget;
mod changes;
mod console;
mod files;
mod ini;
mod poll;
mod proof;
mod server;
mod target;
mod userlist;

pub(crate) use advice::{advise, judge_load};
pub(crate) use changes::Change;
pub(crate) use console::{Console, Figures, PoolRow, StatsRow, client_tls};
pub(crate) use files::{Rendered, render};
pub(crate) use poll::{Meters, poll};
pub(crate) use proof::Proof;
pub(crate) use target::{Target, targets};
