//! Requests from the filter to a cluster of Envoy's.

use crate::abi::{self, BufferId, MapId};
use crate::headers::Headers;
use crate::{HostError, active, pairs};
use std::borrow::Cow;
use std::fmt;

/// Names one callout, unique in the VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token(pub u32);

/// A request to a cluster.
#[derive(Clone, Debug)]
pub struct Callout<'a> {
    /// The cluster's name in Envoy's configuration.
    pub cluster: &'a str,
    /// `:authority`; without it the cluster's name, with `-` for what no host's name has.
    pub authority: Option<&'a str>,
    /// `:method`.
    pub method: &'a str,
    /// `:path`.
    pub path: &'a str,
    /// Further headers.
    pub headers: &'a [(&'a str, &'a str)],
    /// Body; empty for none.
    pub body: &'a [u8],
    /// Milliseconds until the callout counts as failed.
    pub timeout_ms: u32,
}

impl Callout<'_> {
    /// Sends it. The answer comes to the `on_callout` of the stream or plugin that is running now; to none if
    /// that is gone by then. Fails at once if the cluster does not exist.
    pub fn send(&self) -> Result<Token, HostError> {
        self.send_for(active::current().context)
    }

    /// [`Callout::send`], with the answer going to the running stream's plugin.
    pub fn send_for_plugin(&self) -> Result<Token, HostError> {
        self.send_for(active::current().plugin)
    }

    fn send_for(&self, receiver: u32) -> Result<Token, HostError> {
        let authority = self.authority.map_or_else(|| host_of(self.cluster), Cow::Borrowed);
        let pseudo = [(":method", self.method), (":path", self.path), (":authority", &authority)];
        let headers =
            pseudo.iter().chain(self.headers).map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let token = abi::http_call(self.cluster, &pairs::encode(headers), self.body, self.timeout_ms)?;
        active::sent(token, receiver);
        Ok(Token(token))
    }
}

/// Meshes name clusters `outbound|8900||host` or `httproute/shop/name/rule/0`, which servers refuse as an authority.
fn host_of(cluster: &str) -> Cow<'_, str> {
    let is_of_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if cluster.chars().all(is_of_host) {
        return Cow::Borrowed(cluster);
    }
    Cow::Owned(cluster.chars().map(|c| if is_of_host(c) { c } else { '-' }).collect())
}

/// Why a callout has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalloutError {
    /// No answer came: connection refused or reset, or the time-out ran out.
    NoAnswer,
}

impl fmt::Display for CalloutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CalloutError::NoAnswer => write!(f, "no answer"),
        }
    }
}

impl std::error::Error for CalloutError {}

/// The answer to a callout. Its parts are copied out of the host when they are asked for, because that is what an answer
/// costs most; they are only there during the `on_callout` that it came with.
#[derive(Clone, Copy, Debug)]
pub struct CalloutResponse {
    body_size: usize,
}

impl CalloutResponse {
    /// The answer that the host announces with these sizes. No headers means that the callout failed.
    pub(crate) fn announced(num_headers: usize, body_size: usize) -> Result<CalloutResponse, CalloutError> {
        if num_headers == 0 { Err(CalloutError::NoAnswer) } else { Ok(CalloutResponse { body_size }) }
    }

    /// Bytes of the body.
    pub fn body_size(&self) -> usize {
        self.body_size
    }

    /// The headers, with `:status`.
    pub fn headers(&self) -> Result<Headers, HostError> {
        Headers::read(MapId::CalloutResponse)
    }

    /// One header's value, without the others.
    pub fn header(&self, name: &str) -> Result<Option<Vec<u8>>, HostError> {
        abi::header(MapId::CalloutResponse, name)
    }

    /// The status code; none if the answer has none that is a number.
    pub fn status(&self) -> Result<Option<u16>, HostError> {
        let status = self.header(":status")?;
        Ok(status.and_then(|status| str::from_utf8(&status).ok()?.parse().ok()))
    }

    /// The body.
    pub fn body(&self) -> Result<Vec<u8>, HostError> {
        if self.body_size == 0 {
            return Ok(Vec::new());
        }
        abi::buffer(BufferId::CalloutBody, 0, self.body_size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clusters_name_makes_an_authority() {
        for (cluster, authority) in [
            ("slipstream-companion", "slipstream-companion"),
            ("a_b.example", "a_b.example"),
            ("outbound|8900||companion.internal", "outbound-8900--companion.internal"),
            ("httproute/shop/companion/rule/0", "httproute-shop-companion-rule-0"),
            ("höst:80", "h-st-80"),
        ] {
            assert_eq!(host_of(cluster), authority);
        }
    }
}
