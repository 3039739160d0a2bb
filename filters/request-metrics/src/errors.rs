//! Why a request failed, as a label.

/// Envoy's response flags that tell (`envoy/stream_info/stream_info.h`, as bits of the property `response.flags`), and the
/// label of each: what is further up explains what is further down.
const FLAGS: [(i64, &str); 7] = [
    // Client gone, or breaking the protocol.
    (1 << 14 | 1 << 18, "client_reset"),
    // Upstream request, stream idle, stream duration, and the whole request's.
    (1 << 2 | 1 << 16 | 1 << 19 | 1 << 22, "timeout"),
    (1 << 5 | 1 << 26, "connection_failure"),
    // Local, remote, terminated, or breaking the protocol.
    (1 << 3 | 1 << 4 | 1 << 6 | 1 << 23, "reset"),
    // No healthy host, too many requests at a time, no route, no cluster, too little memory.
    (1 << 1 | 1 << 7 | 1 << 8 | 1 << 24 | 1 << 25, "unavailable"),
    (1 << 11 | 1 << 12 | 1 << 13, "refused"),
    (1 << 10, "fault_injected"),
];

/// Code details of a response that a service sent.
const BY_SERVICE: &[u8] = b"via_upstream";

/// The label of a request that failed: by Envoy's flags; else whether a service answered with the status, or Envoy and its filters did.
pub fn label(flags: i64, details: &[u8]) -> &'static str {
    match FLAGS.iter().find(|(bits, _)| flags & bits != 0) {
        Some((_, label)) => label,
        None if details == BY_SERVICE => "upstream",
        None => "local_reply",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_tell_before_details() {
        for (flags, details, expected) in [
            (0x4, "response_timeout", "timeout"),
            (0x1_0000, "stream_idle_timeout", "timeout"),
            (0x4000, "downstream_remote_disconnect", "client_reset"),
            (0x4000 | 0x4, "via_upstream", "client_reset"),
            (
                0x20 | 0x8000,
                "upstream_reset_before_response_started{connection_failure}",
                "connection_failure",
            ),
            (0x40, "upstream_reset_before_response_started{connection_termination}", "reset"),
            (0x10, "", "reset"),
            (0x2, "no_healthy_upstream", "unavailable"),
            (0x80, "overflow", "unavailable"),
            (0x100, "route_not_found", "unavailable"),
            (0x800, "request_rate_limited", "refused"),
            (0x400, "fault_filter_abort", "fault_injected"),
            (0, "via_upstream", "upstream"),
            (0, "direct_response", "local_reply"),
            (0, "", "local_reply"),
        ] {
            assert_eq!(label(flags, details.as_bytes()), expected, "{flags:#x} {details}");
        }
    }
}
