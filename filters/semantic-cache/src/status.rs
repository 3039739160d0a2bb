//! What Cache-Status says (RFC 9211).

/// How the cache has dealt with a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Status {
    /// Answered by what a question was answered that is so alike.
    Hit {
        /// 1 is the same.
        similarity: f64,
    },
    /// Nothing serves.
    Miss {
        /// How alike the nearest question is; none if the companion did not say.
        similarity: Option<f64>,
    },
    /// An answer would serve, and the service is asked all the same.
    Verify,
    /// The client wants the service's own answer.
    Forced,
    /// The companion did not answer, or could not, or is being left alone.
    Failed(&'static str),
    /// The request goes past the cache.
    Bypass(&'static str),
}

impl Status {
    /// The field's value.
    pub fn value(&self) -> String {
        let said = match self {
            Status::Hit { similarity } => format!("hit; detail=\"{}\"", two_digits(*similarity)),
            Status::Miss { similarity: Some(similarity) } => {
                format!("fwd=miss; detail=\"{}\"", two_digits(*similarity))
            }
            Status::Miss { similarity: None } => "fwd=miss".to_owned(),
            Status::Verify => "fwd=miss; detail=verify".to_owned(),
            Status::Forced => "fwd=request".to_owned(),
            Status::Failed(reason) => format!("fwd=miss; detail={reason}"),
            Status::Bypass(reason) => format!("fwd=bypass; detail={reason}"),
        };
        format!("slipstream-semantic; {said}")
    }
}

/// Cut off, not rounded: what is not the same shall not look like it.
fn two_digits(similarity: f64) -> String {
    format!("{:.2}", ((similarity * 100.0 + 1e-6).floor() / 100.0).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_a_list_of_one_with_parameters() {
        for (status, value) in [
            (Status::Hit { similarity: 0.97 }, "hit; detail=\"0.97\""),
            (Status::Hit { similarity: 0.999 }, "hit; detail=\"0.99\""),
            (Status::Hit { similarity: 1.0 }, "hit; detail=\"1.00\""),
            (Status::Hit { similarity: f64::NAN }, "hit; detail=\"NaN\""),
            (Status::Miss { similarity: Some(-0.1) }, "fwd=miss; detail=\"0.00\""),
            (Status::Miss { similarity: None }, "fwd=miss"),
            (Status::Verify, "fwd=miss; detail=verify"),
            (Status::Forced, "fwd=request"),
            (Status::Failed("companion"), "fwd=miss; detail=companion"),
            (Status::Bypass("malformed"), "fwd=bypass; detail=malformed"),
        ] {
            assert_eq!(status.value(), format!("slipstream-semantic; {value}"));
        }
    }
}
