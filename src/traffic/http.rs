//! A balancer with a percentage API: `POST {"blue":99.0,"green":1.0}`, read back with `GET`.

use super::{Pending, Traffic};
use crate::domain::{BalancerState, Clean, NodeState, PerRole, Readiness, Role, Setting, Slot, SlotState};
use crate::engine::WriteResult;
use crate::failpoint;
use crate::plan::{HttpDriver, PERCENT_WHOLE};
use crate::remote::{self, ANSWER_BYTES_MAX, Client, ClientError, Failure, Keep};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, ETAG, IF_MATCH};
use serde_json::{Map, Value};
use std::time::Duration;

/// Weights are thousandths of a percent.
const WEIGHTS_PER_PERCENT: f64 = 1000.0;
/// How far the two percentages may be from 100 together: the rounding of one decimal on each side.
const SUM_TOLERANCE: f64 = 0.11;

pub(super) struct HttpTraffic {
    client: Client,
    plan: HttpDriver,
}

impl HttpTraffic {
    pub fn new(plan: &HttpDriver, timeout: Duration) -> Result<Self, ClientError> {
        Ok(Self { client: remote::client(&plan.http, timeout, Keep::Alive)?, plan: plan.clone() })
    }

    async fn read_node(&self) -> Result<(Vec<SlotState>, Option<String>), Clean> {
        let url = format!("{}{}", self.plan.url, self.plan.read_path);
        let response = self.client.get(&url).send().await.map_err(|error| match remote::failure(&error) {
            Failure::Refused(host) => Clean::new(format!("{host} refuses connections")),
            Failure::NotSent(words) | Failure::NoAnswer(words) => words,
        })?;
        let status = response.status();
        let tag = response.headers().get(ETAG).and_then(|tag| tag.to_str().ok()).filter(|tag| is_strong(tag));
        let tag = tag.map(str::to_owned);
        let body = self.client.body(response, ANSWER_BYTES_MAX).await?;
        if status != StatusCode::OK {
            return Err(Clean::new(format!("GET {} answers {}{}", self.plan.read_path, status.as_u16(), tail(&body))));
        }
        let percent = percentages(&self.plan.fields, &body)?;
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

    async fn write_node(&self, setting: &Setting, tag: Option<String>) -> WriteResult {
        let body = match self.body_for(setting) {
            Ok(body) => body,
            Err(why) => return WriteResult::NotSent(why),
        };
        let url = format!("{}{}", self.plan.url, self.plan.write_path);
        let mut request = self.client.post(&url).header(CONTENT_TYPE, "application/json").body(body);
        if let Some(tag) = tag {
            request = request.header(IF_MATCH, tag);
        }
        failpoint::pass("http due");
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => {
                return match remote::failure(&error) {
                    Failure::Refused(host) => WriteResult::NotSent(Clean::new(format!("{host} refuses connections"))),
                    Failure::NotSent(why) => WriteResult::NotSent(why),
                    Failure::NoAnswer(why) => WriteResult::Unknown(why),
                };
            }
        };
        failpoint::pass("http answered");
        let status = response.status();
        let answer = self.client.body(response, ANSWER_BYTES_MAX).await.unwrap_or_default();
        let path = &self.plan.write_path;
        let words = |what: &str| Clean::new(format!("POST {path} {what}{}", tail(&answer)));
        match status {
            status if status.is_success() => WriteResult::Accepted,
            StatusCode::PRECONDITION_FAILED => {
                WriteResult::Refused(words("answers 412: somebody changed it since it was read"))
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                WriteResult::Refused(words(&format!("answers {}: permission denied", status.as_u16())))
            }
            status if status.is_client_error() => WriteResult::Refused(words(&format!("answers {}", status.as_u16()))),
            // A server or gateway that failed may have applied it all the same.
            status => WriteResult::Unknown(words(&format!("answers {}", status.as_u16()))),
        }
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
        Box::pin(async move { self.write_node(&setting, tag).await })
    }
}

/// A weak tag never fulfils `If-Match` (RFC 9110, 13.1.1): sent with a write, it would forbid every one.
fn is_strong(tag: &str) -> bool {
    !tag.starts_with("W/")
}

/// `: the first words of an answer`, or nothing.
fn tail(body: &[u8]) -> String {
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
        for (bad, why) in [
            ("<html>", "cannot be read"),
            (r#"{"blue":99,"green":1,"blue":1}"#, "\"blue\" is there twice"),
            (r#"{"blue":99.0}"#, "no number \"green\""),
            (r#"{"blue":"99","green":1}"#, "no number \"blue\""),
            (r#"{"blue":60,"green":60}"#, "do not make 100"),
            (r#"{"blue":-1,"green":101}"#, "not a percentage"),
        ] {
            assert!(read(bad).expect_err(bad).as_str().contains(why), "{bad}");
        }
    }
}
