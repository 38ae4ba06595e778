//! What a check asks, in words, for whoever wonders at its answer.

use crate::domain::{Clean, duration_words};
use crate::engine::Engine;
use crate::plan::{CheckKind, HttpCheck};

impl Engine {
    /// `GET /health of GREEN v2.1.0: 200, version at /version, at most 500ms; every 2s, given up after 1s`.
    pub(super) fn asks(&self, index: usize) -> Clean {
        let check = &self.plan.checks[index];
        let words = match &check.kind {
            CheckKind::Http(http) => {
                let environment = self.plan.environments[http.role].words();
                let rhythm = format!(
                    "every {}, given up after {}",
                    duration_words(check.interval),
                    duration_words(check.timeout)
                );
                format!("GET {} of {environment}: {}; {rhythm}", http.paths.join(" "), expected(http))
            }
            CheckKind::Reading { subject, below } => format!(
                "{} of {} below {} over {}, from {} requests on",
                subject.signal,
                self.plan.environments[subject.role].words(),
                self.plan.quantity(&subject.signal, *below),
                duration_words(subject.window),
                subject.minimum_requests
            ),
            CheckKind::Balancer => "the balancer answers on every node, and holds what this run last set".to_owned(),
        };
        Clean::new(words)
    }
}

fn expected(http: &HttpCheck) -> String {
    let status: Vec<String> = http.status.iter().map(u16::to_string).collect();
    let mut expected = vec![status.join(" or ")];
    expected.extend(http.json.iter().map(|(pointer, value)| format!("{pointer} = {value}")));
    expected.extend(http.version.as_ref().map(|pointer| format!("the planned version at {pointer}")));
    expected.extend(http.slower_than.map(|limit| format!("within {}", duration_words(limit))));
    expected.join(", ")
}
