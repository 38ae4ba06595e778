//! `warroom check PLAN`: the questions asked once, GO or NO-GO.

use super::{Exit, Failure, Outcome, places};
use crate::clock;
use crate::domain::{Clean, Role, Verdict};
use crate::engine::{Effect, Engine, Event, Mode, Outcome as EffectOutcome, OutcomeKind, Snapshot, Stamped};
use crate::plan::{CheckKind, Plan};
use crate::probe::{CheckProbe, HealthProbe, MetricsProbe};
use crate::traffic::{self, Traffic};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Scrapes that a rate needs, and some more for the requests the checks themselves make.
const SCRAPES: usize = 6;

pub(super) async fn run(path: &Path, json: bool) -> Outcome {
    let plan = Arc::new(places::load(path)?);
    let snapshot = ask_all(&plan).await.map_err(|error| Failure::new(Exit::Unreachable, error))?;
    let go = snapshot.checks.iter().all(|check| !check.required || check.verdict == Verdict::Pass);
    if json {
        let checks: Vec<_> = snapshot
            .checks
            .iter()
            .map(|check| json!({"name": check.name, "required": check.required, "verdict": check.verdict, "detail": check.detail, "received": check.raw}))
            .collect();
        let answer = json!({"schema": 1, "plan": path.display().to_string(), "go": go, "checks": checks});
        println!("{}", serde_json::to_string_pretty(&answer).map_err(|error| Failure::new(Exit::Unreachable, error))?);
    } else {
        print_table(&snapshot, go);
    }
    Ok(if go { Exit::Done } else { Exit::Refused })
}

fn print_table(snapshot: &Snapshot, go: bool) {
    for check in &snapshot.checks {
        let word = match check.verdict {
            Verdict::Pass => "ok",
            Verdict::Warn => "WARN",
            Verdict::Fail => "FAIL",
            Verdict::Unknown => "unknown",
        };
        let must = if check.required { "" } else { "  (not required)" };
        println!("{word:<8}{:<26}{}{must}", check.name, check.detail);
    }
    println!("{} {}", if go { "GO" } else { "NO-GO" }, snapshot.title);
}

/// Feeds a watching engine by hand, so that the answers are judged by the same rules as in a run.
async fn ask_all(plan: &Arc<Plan>) -> Result<Snapshot, Clean> {
    let words = |error: crate::remote::ClientError| Clean::new(error.to_string());
    let traffic = traffic::connect(plan).map_err(words)?;
    let mut asking = Asking::new(plan.clone());
    for scrape in 0..SCRAPES {
        for role in Role::BOTH {
            let environment = &plan.environments[role];
            if scrape == 0 {
                let health = HealthProbe::new(environment, Duration::from_secs(2)).map_err(words)?.ask().await;
                asking.tell(Event::HealthSeen { role, health });
            }
            for (instance, url) in environment.metrics.iter().enumerate() {
                let probe =
                    MetricsProbe::new(url, &environment.http, &plan.metrics, Duration::from_secs(2)).map_err(words)?;
                let scrape = probe.scrape(clock::wall).await;
                asking.tell(Event::Scraped { role, instance, scrape });
            }
        }
        for (index, check) in plan.checks.iter().enumerate() {
            if let CheckKind::Http(http) = &check.kind {
                let probe = CheckProbe::new(&plan.environments[http.role], http, check.timeout).map_err(words)?;
                let answer = probe.ask().await;
                asking.tell(Event::CheckAnswered { check: index, answer });
            }
        }
        asking.read_balancer(traffic.as_ref()).await;
        let needs_rates = plan.checks.iter().any(|check| matches!(check.kind, CheckKind::Reading { .. }));
        if !needs_rates {
            break;
        }
        if scrape + 1 < SCRAPES {
            tokio::time::sleep(plan.poll.readings).await;
        }
    }
    Ok(asking.engine.snapshot())
}

struct Asking {
    engine: Engine,
    seq: u64,
    reads: Vec<(crate::domain::EffectId, crate::domain::Epoch)>,
}

impl Asking {
    fn new(plan: Arc<Plan>) -> Self {
        let (mono, wall) = (clock::mono(), clock::wall());
        Self { engine: Engine::new(plan, Mode::Watch, mono, wall, 0), seq: 0, reads: Vec::new() }
    }

    fn tell(&mut self, event: Event) {
        self.seq += 1;
        let handled = self.engine.handle(&Stamped { seq: self.seq, mono: clock::mono(), wall: clock::wall(), event });
        for effect in handled.effects {
            if let Effect::ReadSplit { id, epoch } = effect {
                self.reads.push((id, epoch));
            }
        }
    }

    async fn read_balancer(&mut self, traffic: &dyn Traffic) {
        for (id, epoch) in std::mem::take(&mut self.reads) {
            let started = clock::mono();
            let result = OutcomeKind::Read { started, state: traffic.read().await };
            self.tell(Event::Ended(EffectOutcome { id, epoch, result }));
        }
    }
}
