//! What a server says that does not do what it was asked.

use redis::{ErrorKind, RedisError, ServerErrorKind};

/// Whether the server did answer: then the connection is good.
pub(super) fn is_refusal(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension)
}

/// Whether the server says that it is not, or not by itself, the master of what was asked for.
pub(super) fn is_demotion(error: &RedisError) -> bool {
    let by_kind = matches!(
        error.kind(),
        ErrorKind::Server(
            ServerErrorKind::ReadOnly
                | ServerErrorKind::Moved
                | ServerErrorKind::Ask
                | ServerErrorKind::MasterDown
                | ServerErrorKind::ClusterDown
        )
    );
    // Before version 7, an error inside a script is told in the text of another.
    by_kind || error.detail().is_some_and(|detail| detail.contains("READONLY"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_a_refusal_from_another_master() {
        for (answer, demotes) in [
            ("-READONLY You can't write against a read only replica.", true),
            ("-ERR Error running script (call to f_1): @user_script:1: -READONLY You can't write", true),
            ("-MOVED 3999 127.0.0.1:6381", true),
            ("-ASK 3999 127.0.0.1:6381", true),
            ("-CLUSTERDOWN The cluster is down", true),
            ("-MASTERDOWN Link with MASTER is down", true),
            ("-OOM command not allowed when used memory > 'maxmemory'.", false),
            ("-NOSCRIPT No matching script.", false),
            ("-WRONGTYPE Operation against a key holding the wrong kind of value", false),
        ] {
            let answer = redis::parse_redis_value(format!("{answer}\r\n").as_bytes()).unwrap();
            let error = answer.extract_error().unwrap_err();
            assert!(is_refusal(&error) && is_demotion(&error) == demotes, "{error}");
        }
        assert!(!is_refusal(&RedisError::from((ErrorKind::Io, "broken pipe"))));
    }
}
