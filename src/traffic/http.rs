//! A balancer with a percentage API: `POST {"blue":99.0,"green":1.0}`, read back with `GET`.

use super::{Pending, Traffic};
use crate::domain::{
    BalancerState, Clean, NodeState, PERCENT_WHOLE, PerRole, Printed, Readiness, Role, Setting, Slot, SlotState,
};
use crate::engine::WriteResult;
use crate::failpoint;
use crate::plan::HttpDriver;
use crate::remote::{self, ANSWER_BYTES_MAX, Client, Failure, Keep, Renewing, SetupError, UNSAYABLE};
use futures_util::future::select;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, ETAG, IF_MATCH};
use serde_json::{Map, Value};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::timeout;

/// Weights are thousandths of a percent.
pub(super) const WEIGHTS_PER_PERCENT: f64 = 1000.0;
/// How far the two percentages may be from 100 together, as weights: the rounding of one decimal on each side.
pub(super) const WEIGHTS_TOLERANCE: u32 = 110;
/// The same in percent.
pub(super) const SUM_TOLERANCE: f64 = WEIGHTS_TOLERANCE as f64 / WEIGHTS_PER_PERCENT;
/// Connections kept warm: one that a read may be hanging on, and the other for the way back.
const WARM: usize = 2;
/// Longest wait for the answer to a way back before it is sent a second time over a new connection: a connection that
/// a router has silently forgotten answers never, and a balancer that needs longer than this is asked twice for the
/// same absolute setting, which does no harm.
const SECOND_AFTER_MAX: Duration = Duration::from_secs(1);
/// Part of the timeout after which it is sent a second time, where that is less: two thirds are left for its answer.
const SECOND_AFTER_PART: u32 = 3;

pub(super) struct HttpTraffic {
    plan: HttpDriver,
    timeout: Duration,
    clients: Renewing<Clients>,
    /// How many reads were begun: they take the warm connections in turn.
    reads: AtomicUsize,
}

/// The clients of one reading of the plan's secrets.
struct Clients {
    /// One connection each. Reads take them in turn and so keep both open; a write takes the one that the newest read
    /// does not, so a read that hangs is never in its way, and no DNS, TCP or TLS either.
    warm: [Client; WARM],
    /// A new connection for each request.
    fresh: Client,
}

impl Clients {
    fn new(plan: &HttpDriver, timeout: Duration) -> Result<Self, SetupError> {
        let client = |keep| remote::client(&plan.url, &plan.http, timeout, keep);
        Ok(Self { warm: [client(Keep::Alive)?, client(Keep::Alive)?], fresh: client(Keep::Nothing)? })
    }
}

/// What a write came to, and every status that was heard of it.
struct Written {
    result: WriteResult,
    heard: Vec<StatusCode>,
}

impl Written {
    fn is_accepted(&self) -> bool {
        self.result == WriteResult::Accepted
    }

    /// Whether the balancer wants to be told which version it is that changes.
    fn insists(&self) -> bool {
        let insists = |status: &StatusCode| matches!(status.as_u16(), 412 | 428);
        !self.is_accepted() && self.heard.iter().any(insists)
    }

    /// The same absolute setting was sent more than once: accepted once it is accepted. Otherwise what is not certain of
    /// one is not of all.
    fn with(self, other: Self) -> Self {
        use WriteResult::{Accepted, NotSent, Refused, Unknown};
        let result = match (self.result, other.result) {
            (Accepted, _) | (_, Accepted) => Accepted,
            (Unknown(_), Unknown(why)) => Unknown(why),
            (Unknown(why), known) | (known, Unknown(why)) => {
                let besides = known.words().unwrap_or_default();
                Unknown(Clean::new(format!("{why}; sent once more: {besides}")))
            }
            (Refused(why), NotSent(_)) => Refused(why),
            (_, last) => last,
        };
        Self { result, heard: [self.heard, other.heard].concat() }
    }
}

impl HttpTraffic {
    pub fn new(plan: &HttpDriver, timeout: Duration) -> Result<Self, SetupError> {
        let made = plan.clone();
        let clients = Renewing::new(&plan.url, &plan.http, timeout, move || Clients::new(&made, timeout))?;
        Ok(Self { plan: plan.clone(), timeout, clients, reads: AtomicUsize::new(0) })
    }

    /// Asks for what the balancer holds: status, strong tag, body.
    async fn get(&self) -> Result<(StatusCode, Option<String>, Printed), Clean> {
        let url = format!("{}{}", self.plan.url, self.plan.read_path);
        let clients = self.clients.now();
        let client = &clients.warm[self.reads.fetch_add(1, Ordering::Relaxed) % WARM];
        let response = client.get(&url).send().await.map_err(|error| match remote::failure(&error) {
            Failure::Refused(host) => Clean::new(format!("{host} refuses connections")),
            Failure::NotSent(words) | Failure::NoAnswer(words) => words,
        })?;
        let status = response.status();
        let tag = response.headers().get(ETAG).and_then(|tag| tag.to_str().ok()).filter(|tag| is_strong(tag));
        let tag = tag.map(str::to_owned);
        let body = client.body(response, ANSWER_BYTES_MAX).await?;
        self.clients.hear(&[status]).await;
        Ok((status, tag, body))
    }

    async fn read_node(&self) -> Result<(Vec<SlotState>, Option<String>), Clean> {
        let (status, tag, body) = self.get().await?;
        if status != StatusCode::OK {
            let said = tail(&body.shown);
            return Err(Clean::new(format!("GET {} answers {}{said}", self.plan.read_path, status.as_u16())));
        }
        let percent = body.read(|answer| percentages(&self.plan.fields, answer), || UNSAYABLE.into())?;
        let slots = Role::BOTH
            .iter()
            .map(|role| SlotState {
                name: self.plan.fields[*role].clone(),
                weight: (percent[*role] * WEIGHTS_PER_PERCENT).round() as u32,
                configured: None,
                readiness: Readiness::Up,
            })
            .collect();
        Ok((slots, tag))
    }

    fn body_for(&self, setting: &Setting) -> Result<String, Clean> {
        let mut body = Map::new();
        for (key, value) in &self.plan.extra {
            body.insert(key.clone(), serde_json::from_str(value).unwrap_or(Value::Null));
        }
        for role in Role::BOTH {
            let name = self.plan.fields[role].clone();
            let weight = setting.0.get(&Slot { node: 0, name: name.clone() });
            let weight = weight.ok_or_else(|| Clean::new(format!("no weight for {name}")))?;
            body.insert(name, Value::from(f64::from(*weight) / WEIGHTS_PER_PERCENT));
        }
        Ok(Value::Object(body).to_string())
    }

    async fn write_node(&self, setting: &Setting, tag: Option<&str>) -> WriteResult {
        let body = match self.body_for(setting) {
            Ok(body) => body,
            Err(why) => return WriteResult::NotSent(why),
        };
        let gives_nothing = |name| setting.0.get(&Slot { node: 0, name }) == Some(&0);
        // What is set again at 0 % is no way back, and has a tag.
        let written = if tag.is_none() && gives_nothing(self.plan.fields.candidate.clone()) {
            self.bring_back(&body).await
        } else {
            let clients = self.clients.now();
            self.post(self.idle(&clients), &body, tag).await
        };
        self.clients.hear(&written.heard).await;
        written.result
    }

    /// The warm connection that the newest read does not use.
    fn idle<'c>(&self, clients: &'c Clients) -> &'c Client {
        &clients.warm[self.reads.load(Ordering::Relaxed) % WARM]
    }

    /// A way back names no tag: it goes over whatever is there. Where the balancer insists on one, it is given the one
    /// of this moment.
    async fn bring_back(&self, body: &str) -> Written {
        let first = self.post_twice(body, None).await;
        if !first.insists() {
            return first;
        }
        match self.get().await {
            // Whatever else that answer says: a rollback needs no reading.
            Ok((_, Some(tag), _)) => first.with(self.post_twice(body, Some(&tag)).await),
            Ok((_, None, _)) => first.but("it insists on a tag, and its read gives none"),
            Err(why) => first.but(&format!("it insists on a tag, and cannot be read: {why}")),
        }
    }

    /// Sends over a warm connection, and once more over a new one when no answer comes soon.
    async fn post_twice(&self, body: &str, tag: Option<&str>) -> Written {
        let clients = self.clients.now();
        let mut first = pin!(self.post(self.idle(&clients), body, tag));
        let wait = (self.timeout / SECOND_AFTER_PART).min(SECOND_AFTER_MAX);
        if let Ok(written) = timeout(wait, &mut first).await {
            return written;
        }
        let second = pin!(self.post(&clients.fresh, body, tag));
        let (written, other) = select(first, second).await.factor_first();
        match tag {
            _ if written.is_accepted() => written,
            // The one that is given a tag does not wait for the other, which has none either.
            None if written.insists() => {
                written.with(Written { result: WriteResult::Unknown("no answer yet".into()), heard: Vec::new() })
            }
            _ => written.with(other.await),
        }
    }

    async fn post(&self, client: &Client, body: &str, tag: Option<&str>) -> Written {
        let url = format!("{}{}", self.plan.url, self.plan.write_path);
        let mut request = client.post(&url).header(CONTENT_TYPE, "application/json").body(body.to_owned());
        if let Some(tag) = tag {
            request = request.header(IF_MATCH, tag);
        }
        failpoint::pass("http due");
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => {
                let result = match remote::failure(&error) {
                    Failure::Refused(host) => WriteResult::NotSent(Clean::new(format!("{host} refuses connections"))),
                    Failure::NotSent(why) => WriteResult::NotSent(why),
                    Failure::NoAnswer(why) => WriteResult::Unknown(why),
                };
                return Written { result, heard: Vec::new() };
            }
        };
        failpoint::pass("http answered");
        let status = response.status();
        let answer = client.body(response, ANSWER_BYTES_MAX).await.unwrap_or_default();
        Written { result: self.judge(status, tag, &answer.shown), heard: vec![status] }
    }

    fn judge(&self, status: StatusCode, tag: Option<&str>, answer: &[u8]) -> WriteResult {
        let path = &self.plan.write_path;
        let words = |what: &str| Clean::new(format!("POST {path} {what}{}", tail(answer)));
        match status {
            status if status.is_success() => WriteResult::Accepted,
            StatusCode::PRECONDITION_FAILED if tag.is_some() => {
                WriteResult::Refused(words("answers 412: somebody changed it since it was read"))
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                WriteResult::Refused(words(&format!("answers {}: permission denied", status.as_u16())))
            }
            status if status.is_client_error() => WriteResult::Refused(words(&format!("answers {}", status.as_u16()))),
            // A redirect is not followed; a server or gateway that failed may have applied it all the same.
            status => WriteResult::Unknown(words(&format!("answers {}", status.as_u16()))),
        }
    }
}

impl Written {
    /// The same with what else was tried.
    fn but(self, why: &str) -> Self {
        let said = Clean::new(format!("{}; {why}", self.result.words().unwrap_or("accepted")));
        let is_unknown = matches!(self.result, WriteResult::Unknown(_));
        Self { result: if is_unknown { WriteResult::Unknown(said) } else { WriteResult::Refused(said) }, ..self }
    }
}

impl Traffic for HttpTraffic {
    fn read(&self) -> Pending<'_, BalancerState> {
        Box::pin(async {
            match self.read_node().await {
                Ok((slots, tag)) => BalancerState { nodes: vec![NodeState { slots: Ok(slots) }], tag },
                Err(why) => BalancerState::unreadable(1, &why),
            }
        })
    }

    fn write(&self, setting: Setting, tag: Option<String>) -> Pending<'_, WriteResult> {
        Box::pin(async move { self.write_node(&setting, tag.as_deref()).await })
    }
}

/// A weak tag never fulfils `If-Match` (RFC 9110, 13.1.1): sent with a write, it would forbid every one.
fn is_strong(tag: &str) -> bool {
    !tag.starts_with("W/")
}

/// `: the first words of an answer`, or nothing.
pub(super) fn tail(body: &[u8]) -> String {
    let words: String = Clean::from_bytes(body).as_str().trim().chars().take(120).collect();
    if words.is_empty() { words } else { format!(": {words}") }
}

/// Both percentages of an answer; they must be numbers from 0 to 100 that make 100.
pub fn percentages(fields: &PerRole<String>, body: &[u8]) -> Result<PerRole<f64>, Clean> {
    let field = |role: Role| -> Result<f64, Clean> {
        let name = &fields[role];
        let found = remote::look_at(body, name)
            .map_err(|error| Clean::new(format!("the answer cannot be read: {error}{}", tail(body))))?;
        let number = found.as_f64().ok_or_else(|| Clean::new(format!("the answer has no number {name:?}")))?;
        if (0.0..=100.0).contains(&number) {
            Ok(number)
        } else {
            Err(Clean::new(format!("{name} is {number}, not a percentage")))
        }
    };
    let percent = PerRole { stable: field(Role::Stable)?, candidate: field(Role::Candidate)? };
    let sum = percent.stable + percent.candidate;
    if (sum - 100.0).abs() > SUM_TOLERANCE {
        return Err(Clean::new(format!(
            "{} {} and {} {} do not make 100",
            fields.stable, percent.stable, fields.candidate, percent.candidate
        )));
    }
    debug_assert!(percent.stable * WEIGHTS_PER_PERCENT <= f64::from(PERCENT_WHOLE));
    Ok(percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_strictly() {
        let fields = PerRole { stable: "blue".to_owned(), candidate: "green".to_owned() };
        let read = |body: &str| percentages(&fields, body.as_bytes()).map(|p| p.candidate);
        assert_eq!(read(r#"{"blue":99.0,"green":1.0}"#), Ok(1.0));
        assert_eq!(read(r#"{"blue":66.7,"green":33.4}"#), Ok(33.4), "each side rounded to one decimal");
        for (bad, why) in [
            ("<html>", "cannot be read"),
            (r#"{"blue":99,"green":1,"blue":1}"#, "\"blue\" is there twice"),
            (r#"{"blue":99.0}"#, "no number \"green\""),
            (r#"{"blue":"99","green":1}"#, "no number \"blue\""),
            (r#"{"blue":60,"green":60}"#, "do not make 100"),
            (r#"{"blue":-1,"green":101}"#, "not a percentage"),
            (r#"{"blue":null,"green":1}"#, "no number \"blue\""),
            ("[99,1]", "no number \"blue\""),
            (r#"{"blue":NaN,"green":1}"#, "cannot be read"),
            (r#"{"blue":1e999,"green":1}"#, "cannot be read"),
            (r#"{"blue":99.0,"green":1.0"#, "cannot be read"),
            ("", "cannot be read"),
        ] {
            assert!(read(bad).expect_err(bad).as_str().contains(why), "{bad}");
        }
    }

    #[test]
    fn of_two_writes_of_one_setting_one_that_was_accepted_is_enough() {
        let unknown = || WriteResult::Unknown("no answer".into());
        let refused = || WriteResult::Refused("answers 428".into());
        let not_sent = || WriteResult::NotSent("refuses connections".into());
        let both = |first, second| {
            let written = |result: WriteResult| {
                let heard = if result == refused() { vec![StatusCode::PRECONDITION_REQUIRED] } else { Vec::new() };
                Written { result, heard }
            };
            let both = written(first).with(written(second));
            (both.insists(), both.result)
        };
        for other in [unknown, refused, not_sent, || WriteResult::Accepted] {
            assert_eq!(both(other(), WriteResult::Accepted), (false, WriteResult::Accepted));
            assert_eq!(both(WriteResult::Accepted, other()), (false, WriteResult::Accepted));
        }
        for [first, second] in [[unknown, refused], [refused, unknown]] {
            let told = WriteResult::Unknown("no answer; sent once more: answers 428".into());
            assert_eq!(both(first(), second()), (true, told));
        }
        assert_eq!(both(refused(), not_sent()), (true, refused()));
        assert_eq!(both(not_sent(), refused()), (true, refused()));
        assert_eq!(both(unknown(), unknown()), (false, unknown()));
    }

    #[tokio::test]
    async fn a_secret_that_is_a_word_of_the_answer_does_not_make_it_unknown() {
        let read = async |secret: &str, answer: &str| {
            let (http, _folder) = remote::with_secret(secret);
            let ask = async |url| {
                let fields = PerRole { stable: "blue".to_owned(), candidate: "green".to_owned() };
                let (write_path, read_path) = ("/w".to_owned(), "/r".to_owned());
                let plan = HttpDriver { url, write_path, read_path, fields, extra: Vec::new(), http };
                let traffic = HttpTraffic::new(&plan, Duration::from_secs(30)).expect("a client");
                traffic.read_node().await.map(|(slots, _)| slots.iter().map(|slot| slot.weight).collect::<Vec<_>>())
            };
            remote::answered(answer, ask).await
        };
        for secret in ["green", "\"gre", "87.5"] {
            assert_eq!(read(secret, r#"{"blue":87.5,"green":12.5}"#).await, Ok(vec![87_500, 12_500]), "{secret}");
        }
        // What is said of an answer that cannot be read has no secret in it, whatever it stands for there.
        for bad in [r#"{"blue":90,"green":"s3cr3t"}"#, "s3cr3t", r#"{"blue":1s3cr3t"}"#, r#"{"s3cr3t":1,"blue":0}"#] {
            let why = read("s3cr3t", bad).await.expect_err(bad);
            assert!(!why.as_str().contains("s3cr3t"), "{why}");
        }
        let why = read("8787", r#"{"blue":8787,"green":1}"#).await.expect_err("no percentage");
        assert!(!why.as_str().contains("8787"), "{why}");
    }
}
