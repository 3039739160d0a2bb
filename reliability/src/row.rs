//! One fault, and how it is brought about and healed.

use anyhow::Result;
use testbed::Namespace;
use testbed::containers::is_root;

use crate::{Kind, Stand};

/// Whether the service answers while the fault lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// It does, so no request may fail.
    Lives,
    /// It does not, or not for what is not cached.
    Dies,
    /// Requests that are under way in what dies may fail, and do not count as missing the goal.
    LosesWhatIsUnderWay,
}

/// A fault.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// What it is asked for by, such as `redis-killed`.
    pub name: &'static str,
    /// What is done.
    pub fault: &'static str,
    /// What it is done to.
    pub kind: Kind,
    /// Whether requests may fail.
    pub service: Service,
    /// Whether the fault is over as soon as it has happened.
    pub is_moment: bool,
    pub(crate) inject: fn(&mut Stand) -> Result<()>,
    pub(crate) heal: fn(&mut Stand) -> Result<()>,
}

impl Row {
    pub(crate) const fn new(
        name: &'static str,
        fault: &'static str,
        inject: fn(&mut Stand) -> Result<()>,
        heal: fn(&mut Stand) -> Result<()>,
    ) -> Row {
        Row { name, fault, kind: Kind::Usual, service: Service::Lives, is_moment: false, inject, heal }
    }

    pub(crate) const fn on(self, kind: Kind) -> Row {
        Row { kind, ..self }
    }

    pub(crate) const fn moment(self) -> Row {
        Row { is_moment: true, ..self }
    }

    pub(crate) const fn loses_what_is_under_way(self) -> Row {
        Row { service: Service::LosesWhatIsUnderWay, ..self }
    }

    pub(crate) const fn takes_the_service_along(self) -> Row {
        Row { service: Service::Dies, ..self }
    }

    /// Why it cannot be tried here, if it cannot.
    pub fn obstacle(&self) -> Option<&'static str> {
        match self.kind {
            Kind::SmallDisk if !is_root() => Some("mounting a small file system needs root"),
            Kind::OwnHost => Namespace::obstacle(),
            _ => None,
        }
    }
}
