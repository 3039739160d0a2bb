//! What goes wrong, as JSON: `{"error": "…", "field": "…"}`.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// A request that is not answered as asked.
#[derive(Debug)]
pub enum Error {
    /// 400: a query parameter or the whole body cannot be understood.
    Malformed {
        /// The parameter's name, or `body`.
        field: String,
        /// What is wrong with it.
        message: String,
    },
    /// 422: the body is JSON, but one of its fields is wrong.
    Invalid {
        /// The field's path.
        field: String,
        /// What is wrong with it.
        message: String,
    },
    /// 404: there is no such thing.
    NotFound(String),
    /// 405: not with this method.
    MethodNotAllowed,
    /// 503: the database does not answer; the log says why, the client need not know.
    Unavailable(String),
}

impl Error {
    /// 400 for this query parameter.
    pub fn malformed(field: &str, message: impl Into<String>) -> Error {
        Error::Malformed { field: field.to_owned(), message: message.into() }
    }

    /// 503: something that always has a row had none.
    pub fn no_row() -> Error {
        Error::Unavailable("a query that always has a row had none".to_owned())
    }

    /// 422 for this field of the body.
    pub fn invalid(field: &str, message: impl Into<String>) -> Error {
        Error::Invalid { field: field.to_owned(), message: message.into() }
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Error {
        // The cause is in the source: tokio-postgres itself only says "db error".
        let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        Error::Unavailable(format!("{error}: {cause}"))
    }
}

impl From<query_cache::Error> for Error {
    fn from(error: query_cache::Error) -> Error {
        match error {
            query_cache::Error::Database(error) => error.into(),
            other => Error::Unavailable(other.to_string()),
        }
    }
}

impl From<deadpool_postgres::PoolError> for Error {
    fn from(error: deadpool_postgres::PoolError) -> Error {
        Error::Unavailable(error.to_string())
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (status, field, message) = match self {
            Error::Malformed { field, message } => (StatusCode::BAD_REQUEST, Some(field), message),
            Error::Invalid { field, message } => (StatusCode::UNPROCESSABLE_ENTITY, Some(field), message),
            Error::NotFound(message) => (StatusCode::NOT_FOUND, None, message),
            Error::MethodNotAllowed => {
                (StatusCode::METHOD_NOT_ALLOWED, None, "method not allowed here".to_owned())
            }
            Error::Unavailable(cause) => {
                tracing::error!(cause, "the database does not answer");
                (StatusCode::SERVICE_UNAVAILABLE, None, "the database does not answer".to_owned())
            }
        };
        let body = match field {
            Some(field) => json!({ "error": message, "field": field }),
            None => json!({ "error": message }),
        };
        (status, Json(body)).into_response()
    }
}
