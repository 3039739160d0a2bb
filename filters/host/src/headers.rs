//! Header maps: a snapshot to read, and single fields to change.

use crate::HostError;
use crate::abi::{self, MapId};
use crate::pairs;
use http_semantics::Fields;

/// Which headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderMap {
    /// The request's.
    Request,
    /// The response's.
    Response,
}

impl HeaderMap {
    fn id(self) -> MapId {
        match self {
            HeaderMap::Request => MapId::Request,
            HeaderMap::Response => MapId::Response,
        }
    }

    /// All fields, with pseudo headers, in one call.
    pub fn read(self) -> Result<Headers, HostError> {
        Headers::read(self.id())
    }

    /// One field's value. Of a repeated field it is the first line only: read lists from [`HeaderMap::read`].
    pub fn first(self, name: &str) -> Result<Option<Vec<u8>>, HostError> {
        abi::header(self.id(), name)
    }

    /// Sets a field to one value, whatever it had before.
    pub fn set(self, name: &str, value: impl AsRef<[u8]>) -> Result<(), HostError> {
        abi::replace_header(self.id(), name, value.as_ref())
    }

    /// Adds a line to a field.
    pub fn add(self, name: &str, value: impl AsRef<[u8]>) -> Result<(), HostError> {
        abi::add_header(self.id(), name, value.as_ref())
    }

    /// Removes all lines of a field.
    pub fn remove(self, name: &str) -> Result<(), HostError> {
        abi::remove_header(self.id(), name)
    }
}

/// A snapshot of a header map, in the host's own wire form: nothing is copied per field.
#[derive(Clone, Debug, Default)]
pub struct Headers {
    block: Vec<u8>,
}

impl Headers {
    pub(crate) fn read(map: MapId) -> Result<Headers, HostError> {
        Ok(Headers { block: abi::header_pairs(map)? })
    }

    /// The response's status code.
    pub fn status(&self) -> Option<u16> {
        std::str::from_utf8(self.first(":status")?).ok()?.parse().ok()
    }
}

impl Fields for Headers {
    fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        pairs::decode(&self.block)
    }
}
