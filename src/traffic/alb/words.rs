//! What a failed call means, in words, and how far it got.
//!
//! Decided by the HTTP status as well as by AWS's error codes: what stands in between (a proxy, a portal, a mock)
//! answers without codes.

use crate::domain::Clean;
use crate::engine::WriteResult;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_elasticloadbalancingv2::config::http::HttpResponse;
use aws_sdk_elasticloadbalancingv2::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_elasticloadbalancingv2::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_elasticloadbalancingv2::error::{BoxError, ProvideErrorMetadata, SdkError};
use std::error::Error;
use std::io;

/// How far a call got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// It never left.
    NotSent,
    /// AWS answered no, and nothing was changed.
    Refused,
    /// AWS answered that there were too many calls; nothing was changed.
    Throttled,
    /// AWS or the machine has no good credentials for it; nothing was changed.
    Credentials,
    /// It left, and nothing or nonsense came back: it may have been done.
    NoAnswer,
}

/// A call that failed.
#[derive(Debug, Clone)]
pub(super) struct Trouble {
    pub reach: Reach,
    pub words: String,
}

impl Trouble {
    pub fn new(reach: Reach, words: impl Into<String>) -> Self {
        Self { reach, words: words.into() }
    }
}

impl From<Trouble> for WriteResult {
    fn from(trouble: Trouble) -> Self {
        let words = Clean::new(trouble.words);
        match trouble.reach {
            Reach::NotSent => Self::NotSent(words),
            Reach::Refused | Reach::Throttled | Reach::Credentials => Self::Refused(words),
            Reach::NoAnswer => Self::Unknown(words),
        }
    }
}

impl<E: Error + ProvideErrorMetadata + Send + Sync + 'static> From<SdkError<E, HttpResponse>> for Trouble {
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        let chain = Chain::of(&error);
        match &error {
            SdkError::ServiceError(said) => {
                let (code, message) = (said.err().code(), said.err().message());
                answered(said.raw().status().as_u16(), code, message)
            }
            SdkError::ResponseError(response) => {
                let status = response.raw().status().as_u16();
                if status < 300 { Self::new(Reach::NoAnswer, chain.last) } else { answered(status, None, None) }
            }
            SdkError::TimeoutError(_) => Self::new(Reach::NoAnswer, "AWS gave no answer in time"),
            SdkError::DispatchFailure(failure) => not_answered(&chain, failure.is_timeout()),
            SdkError::ConstructionFailure(_) => chain.before_sending(),
            _ => Self::new(Reach::NoAnswer, chain.last),
        }
    }
}

/// What an answer with this status means.
fn answered(status: u16, code: Option<&str>, message: Option<&str>) -> Trouble {
    let known = code.and_then(known_code);
    let by_status = match status {
        401 | 403 => (Reach::Credentials, "AWS refuses the credentials"),
        429 => (Reach::Throttled, "AWS throttles this account's calls"),
        400..500 => (Reach::Refused, "AWS refuses it"),
        500.. => (Reach::NoAnswer, "AWS has trouble of its own"),
        _ => (Reach::NoAnswer, "AWS gave an answer that is none"),
    };
    let (reach, what) = known.unwrap_or(by_status);
    let said = match (code, message) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        // Without a code it was not AWS that said it.
        (None, _) => format!("HTTP {status}"),
    };
    Trouble::new(reach, format!("{what} ({said})"))
}

/// AWS's codes that mean more than their status.
fn known_code(code: &str) -> Option<(Reach, &'static str)> {
    Some(match code {
        "RuleNotFound" => (Reach::Refused, "there is no such rule any more"),
        "ListenerNotFound" => (Reach::Refused, "there is no such listener any more"),
        "TargetGroupNotFound" => (Reach::Refused, "there is no such target group any more"),
        "OperationNotPermitted" => {
            (Reach::Refused, "AWS does not permit it; a default rule is changed through its listener")
        }
        "InvalidLoadBalancerAction" => (Reach::Refused, "AWS does not take this list of actions"),
        "Throttling" | "ThrottlingException" | "RequestLimitExceeded" | "TooManyRequestsException" => {
            (Reach::Throttled, "AWS throttles this account's calls")
        }
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => {
            (Reach::Credentials, "the AWS credentials have expired")
        }
        "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "SignatureDoesNotMatch"
        | "AuthFailure"
        | "MissingAuthenticationToken"
        | "IncompleteSignature" => (Reach::Credentials, "the AWS credentials are wrong"),
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" => {
            (Reach::Credentials, "these AWS credentials may not do it")
        }
        _ => return None,
    })
}

fn not_answered(chain: &Chain, is_timeout: bool) -> Trouble {
    if chain.is_refused || chain.is_connecting {
        let what = if is_timeout { "AWS gave no connection in time" } else { "AWS cannot be reached" };
        return Trouble::new(Reach::NotSent, format!("{what}: {}", chain.last));
    }
    if is_timeout {
        return Trouble::new(Reach::NoAnswer, "AWS gave no answer in time");
    }
    if chain.is_credentials {
        return chain.before_sending();
    }
    Trouble::new(Reach::NoAnswer, format!("AWS's answer broke off: {}", chain.last))
}

/// An error with everything behind it.
struct Chain {
    /// The innermost words.
    last: String,
    is_refused: bool,
    is_connecting: bool,
    is_credentials: bool,
}

impl Chain {
    fn of(error: &(dyn Error + 'static)) -> Self {
        let mut chain =
            Self { last: error.to_string(), is_refused: false, is_connecting: false, is_credentials: false };
        let mut next = error.source();
        while let Some(error) = next {
            let words = error.to_string();
            let lower = words.to_ascii_lowercase();
            chain.is_refused |=
                error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
            chain.is_connecting |=
                lower.contains("connect timeout") || lower.contains("tcp connect") || lower.contains("dns");
            chain.is_credentials |= error.is::<CredentialsError>();
            chain.last = words;
            next = error.source();
        }
        chain
    }

    /// What stopped it before it left.
    fn before_sending(&self) -> Trouble {
        if self.is_credentials {
            return Trouble::new(Reach::Credentials, format!("no AWS credentials: {}", self.last));
        }
        Trouble::new(Reach::NotSent, self.last.clone())
    }
}

/// Holds every answer to be whole: the SDK's XML reader takes an answer that breaks off for a shorter one, and a
/// weight of 100 cut after its first digit would be a weight of 1.
#[derive(Debug)]
pub(super) struct WholeAnswer;

#[derive(Debug, thiserror::Error)]
pub(super) enum NotWhole {
    #[error("AWS's answer is HTML instead of XML: something else answers at this address")]
    Html,
    #[error("AWS's answer is cut off")]
    Cut,
    #[error("AWS's answer is empty")]
    Empty,
}

impl Intercept for WholeAnswer {
    fn name(&self) -> &'static str {
        "WholeAnswer"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        if !response.status().is_success() {
            return Ok(());
        }
        Ok(whole(response.body().bytes().unwrap_or_default())?)
    }
}

/// Whether the text is one whole answer: it ends with the root that every answer of this API has.
fn whole(body: &[u8]) -> Result<(), NotWhole> {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    let begins = text.chars().take(200).collect::<String>().to_ascii_lowercase();
    if text.is_empty() {
        Err(NotWhole::Empty)
    } else if begins.contains("<html") || begins.contains("<!doctype") {
        Err(NotWhole::Html)
    } else if text.rsplit_once("</").is_some_and(|(_, root)| root.ends_with("Response>")) {
        Ok(())
    } else {
        Err(NotWhole::Cut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_cut_anywhere_is_none() {
        const ANSWER: &str = "<DescribeRulesResponse><DescribeRulesResult><Rules><member><Actions><member>\
             <Weight>100</Weight></member></Actions></member></Rules></DescribeRulesResult></DescribeRulesResponse>";
        assert!(whole(ANSWER.as_bytes()).is_ok());
        for end in 0..ANSWER.len() {
            assert!(whole(&ANSWER.as_bytes()[..end]).is_err(), "{}", &ANSWER[..end]);
        }
        assert!(matches!(whole(b"<!doctype html><html>log in</html>"), Err(NotWhole::Html)));
    }

    #[test]
    fn a_status_decides_where_there_is_no_code() {
        let reach = |status, code| answered(status, code, None).reach;
        assert_eq!(reach(403, None), Reach::Credentials);
        assert_eq!(reach(503, None), Reach::NoAnswer, "a write may have been done");
        assert_eq!(reach(400, None), Reach::Refused);
        assert_eq!(reach(400, Some("Throttling")), Reach::Throttled);
        assert_eq!(reach(400, Some("ExpiredToken")), Reach::Credentials);
        assert_eq!(reach(400, Some("RuleNotFound")), Reach::Refused);
        assert_eq!(reach(503, Some("ServiceUnavailable")), Reach::NoAnswer);
        let words = answered(400, Some("RuleNotFound"), Some("One or more rules not found")).words;
        assert_eq!(words, "there is no such rule any more (RuleNotFound: One or more rules not found)");
    }
}
