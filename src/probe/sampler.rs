//! Who answers through the balancer.

use crate::domain::Role;
use crate::plan::Sampler;
use crate::remote::{self, ANSWER_BYTES_MAX, Client, Keep, Renewing, SetupError};
use std::time::Duration;

/// One request's outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SampleSeen {
    /// Answered by this environment.
    By(Role),
    /// Answered, by nobody the plan names.
    ByUnknown,
    /// Not answered.
    Failed,
}

/// Sends requests through the balancer, each over a new connection.
#[derive(Debug, Clone)]
pub struct SamplerProbe {
    client: Renewing<Client>,
    plan: Sampler,
}

impl SamplerProbe {
    /// A probe as the plan describes it.
    pub fn new(plan: &Sampler, timeout: Duration) -> Result<Self, SetupError> {
        Ok(Self {
            client: remote::renewing(&format!("sampler {}", plan.url), &plan.http, timeout, Keep::Nothing)?,
            plan: plan.clone(),
        })
    }

    /// Sends one request. Any answer of an environment counts as its, errors too; the balancer's own do not.
    pub async fn ask(&self) -> SampleSeen {
        let client = self.client.now();
        let Ok(response) = client.get(&self.plan.url).send().await else { return SampleSeen::Failed };
        let status = response.status();
        let server = response.headers().get(&self.plan.header).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let _ = client.body(response, ANSWER_BYTES_MAX).await;
        self.client.hear(&[status]).await;
        let named =
            server.and_then(|name| Role::BOTH.into_iter().find(|role| self.plan.servers[*role].contains(&name)));
        match named {
            Some(role) => SampleSeen::By(role),
            None if status.is_server_error() => SampleSeen::Failed,
            None => SampleSeen::ByUnknown,
        }
    }
}
