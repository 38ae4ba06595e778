//! `warroom check PLAN`: the questions asked once, all at the same time, GO or NO-GO.

use super::{CommandResult, Exit, Failure, out, places};
use crate::clock;
use crate::domain::{
    Absence, Clean, Credentials, EffectId, Finding, PerRole, Role, Split, Targets, Verdict, Wall, duration_words,
};
use crate::engine::{
    CREDENTIALS_MARGIN, CheckView, Effect, Engine, Event, Health, Mode, Outcome, OutcomeKind, Snapshot, Stamped,
    verdict_word,
};
use crate::plan::{CheckKind, Plan};
use crate::probe::{CheckProbe, HealthProbe, MetricsProbe};
use crate::remote::SetupError;
use crate::traffic::{self, Traffic};
use futures_util::stream::{FuturesUnordered, StreamExt};
use serde_json::json;
use std::fmt::Write;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Scrapes that a rate needs, and some more for the requests the checks themselves make.
const SCRAPES: usize = 6;
/// Longest time between two of them: a person waits.
const SCRAPE_PAUSE_MAX: Duration = Duration::from_secs(2);
/// How long a scrape or a health check may take here.
const ANSWER_WAIT: Duration = Duration::from_secs(2);
/// How long a look around the balancer may take: its listeners are searched for other rules.
const SURVEY_LIMIT: Duration = Duration::from_secs(20);
/// How long all of it may take: six scrapes with their pauses and answers.
const ASK_LIMIT: Duration = Duration::from_secs(24);

pub(super) async fn run(path: &Path, json: bool) -> CommandResult {
    let plan = Arc::new(places::load(path)?);
    let probes = Probes::new(&plan)?;
    let (snapshot, sources) = ask_all(&plan, &probes).await;
    let besides = sources.besides(look_around(&plan, &probes).await);
    let required = || snapshot.checks.iter().filter(|check| check.required);
    let why = match required().filter(|check| check.verdict != Verdict::Pass).count() {
        // No answer is never a good answer, and neither is no question.
        _ if required().next().is_none() => Some("nothing was asked: the plan has no required check".to_owned()),
        0 => besides.why().map(str::to_owned),
        1 => Some("1 required check is not ok".to_owned()),
        several => Some(format!("{several} required checks are not ok")),
    };
    let text = if json {
        as_json(path, &snapshot, &besides, why.as_deref())?
    } else {
        table(&snapshot, &besides, why.as_deref())
    };
    out::print(&text)?;
    Ok(if why.is_none() { Exit::Done } else { Exit::Refused })
}

/// What stands around the balancer's weights, from a driver that can tell. What it writes with is a finding here.
async fn look_around(plan: &Plan, probes: &Probes) -> Vec<Finding> {
    let survey = tokio::time::timeout(SURVEY_LIMIT, probes.traffic.survey(clock::wall())).await;
    let Ok(survey) = survey else {
        return vec![finding("survey", Verdict::Unknown, "the balancer gave no answer in time".into())];
    };
    let Some(survey) = survey else { return Vec::new() };
    let credentials = credentials(survey.credentials, plan, clock::wall());
    let stable = match survey.targets.stable {
        Ok(Targets { healthy: 0, registered }) => {
            finding("stable targets", Verdict::Fail, Clean::new(format!("none of {registered} is healthy")))
        }
        Ok(Targets { healthy, registered }) => {
            finding("stable targets", Verdict::Pass, Clean::new(format!("{healthy} of {registered} healthy")))
        }
        Err(why) => finding("stable targets", Verdict::Unknown, why),
    };
    [credentials, stable].into_iter().chain(survey.findings).collect()
}

fn finding(name: &str, verdict: Verdict, detail: Clean) -> Finding {
    Finding { name: name.into(), verdict, detail }
}

/// As the run's own gate before its first step: they must outlive that one's bake and a rollback after it.
fn credentials(credentials: Credentials, plan: &Plan, now: Wall) -> Finding {
    let bake = plan.steps.first().map_or(Duration::ZERO, |step| step.bake);
    let needed = bake + CREDENTIALS_MARGIN;
    let (verdict, detail) = match credentials {
        Credentials::Lasting => (Verdict::Pass, "they have no end".into()),
        Credentials::Until { end, failure } => {
            let left = end.since(now);
            let verdict = if left >= needed { Verdict::Pass } else { Verdict::Fail };
            let why = failure.map_or_else(String::new, |why| format!("; not renewed: {why}"));
            let [left, needed] = [left, needed].map(|time| duration_words(Duration::from_secs(time.as_secs())));
            let words = format!("good until {}, {left}; the first bake and a rollback need {needed}{why}", end.clock());
            (verdict, Clean::new(words))
        }
        Credentials::Missing(why) => (Verdict::Fail, why),
    };
    finding("credentials", verdict, detail)
}

/// What is no check of the plan.
struct Besides {
    /// Health paths that are not good, or gave no reading.
    health: Vec<Finding>,
    /// Metrics that cannot be read.
    feeds: Vec<Finding>,
    /// Why the balancer cannot be read.
    unread: Option<Finding>,
    /// What stands around the balancer's weights, good or not.
    around: Vec<Finding>,
}

impl Besides {
    /// Why there is no GO, whatever the checks say.
    fn why(&self) -> Option<&'static str> {
        let is_closed = |finding: &Finding| matches!(finding.verdict, Verdict::Unknown | Verdict::Fail);
        if self.health.iter().any(|finding| finding.verdict == Verdict::Unknown) {
            Some("how healthy an environment is nobody knows")
        } else if !self.health.is_empty() {
            Some("an environment is not healthy")
        } else if !self.feeds.is_empty() {
            Some("the metrics of an environment cannot be read")
        } else if self.unread.is_some() {
            Some("the balancer cannot be read")
        } else if self.around.iter().any(is_closed) {
            Some("what stands around the balancer's weights is not ok")
        } else {
            None
        }
    }

    /// What is of the balancer.
    fn balancer(&self) -> impl Iterator<Item = &Finding> {
        self.unread.iter().chain(&self.around)
    }

    fn all(&self) -> impl Iterator<Item = &Finding> {
        self.health.iter().chain(&self.feeds).chain(self.balancer())
    }
}

fn as_json(path: &Path, snapshot: &Snapshot, besides: &Besides, why: Option<&str>) -> Result<String, Failure> {
    let check = |check: &CheckView| json!({"name": check.name, "required": check.required, "verdict": check.verdict, "detail": check.detail, "received": check.raw});
    let checks: Vec<_> = snapshot.checks.iter().map(check).collect();
    let hooks: Vec<_> = waited_for(snapshot).map(|(hook, _)| hook).collect();
    let balancer: Vec<_> = besides.balancer().collect();
    let answer = json!({"schema": 1, "plan": path.display().to_string(), "go": why.is_none(), "why": why, "checks": checks, "health": besides.health, "feeds": besides.feeds, "balancer": balancer, "hooks_not_run": hooks});
    let text = serde_json::to_string_pretty(&answer).map_err(|error| Failure::new(Exit::Refused, error))?;
    Ok(text + "\n")
}

fn table(snapshot: &Snapshot, besides: &Besides, why: Option<&str>) -> String {
    let mut text = String::new();
    // Into a string: it takes everything.
    for check in &snapshot.checks {
        let word = verdict_word(check.verdict);
        let must = if check.required { "" } else { "  (not required)" };
        let _ = writeln!(text, "{word:<8}{:<26}{}{must}", check.name, check.detail);
    }
    for finding in besides.all() {
        let _ = writeln!(text, "{:<8}{:<26}{}", verdict_word(finding.verdict), finding.name, finding.detail);
    }
    for (hook, split) in waited_for(snapshot) {
        let _ = writeln!(text, "{:<8}{hook:<26}programs are not run here; {split} waits for it", "NOT RUN");
    }
    let _ = match why {
        None => writeln!(text, "GO {}", snapshot.title),
        Some(why) => writeln!(text, "NO-GO {}: {why}", snapshot.title),
    };
    text
}

/// Hooks that a step waits for: a GO says nothing of them.
fn waited_for(snapshot: &Snapshot) -> impl Iterator<Item = (&Clean, Split)> {
    snapshot.hooks.iter().filter_map(|hook| Some((&hook.name, hook.before?)))
}

/// Everything that is asked, with its secrets and trust roots in place.
struct Probes {
    traffic: Arc<dyn Traffic>,
    health: PerRole<HealthProbe>,
    metrics: Vec<(Role, usize, MetricsProbe)>,
    checks: Vec<(usize, CheckProbe)>,
}

impl Probes {
    /// Makes every client, or lists all that is missing and where: nobody wants to mend them one at a time.
    fn new(plan: &Plan) -> Result<Self, Failure> {
        let mut missing = Missing::default();
        let traffic = missing.of("traffic", traffic::connect(plan));
        let mut health = |role: Role| {
            let environment = &plan.environments[role];
            missing.of(&format!("environments.{}", role.key()), HealthProbe::new(environment, ANSWER_WAIT))
        };
        let (stable, candidate) = (health(Role::Stable), health(Role::Candidate));
        let mut metrics = Vec::new();
        for role in Role::BOTH {
            let environment = &plan.environments[role];
            for (instance, url) in environment.metrics.iter().enumerate() {
                let probe = MetricsProbe::new(url, &environment.http, &plan.metrics, ANSWER_WAIT);
                let probe = missing.of(&format!("environments.{}", role.key()), probe);
                metrics.extend(probe.map(|probe| (role, instance, probe)));
            }
        }
        let mut checks = Vec::new();
        for (index, check) in plan.checks.iter().enumerate() {
            if let CheckKind::Http(http) = &check.kind {
                let probe = CheckProbe::new(&plan.environments[http.role], http, check.timeout);
                let probe = missing.of(&format!("environments.{}", http.role.key()), probe);
                checks.extend(probe.map(|probe| (index, probe)));
            }
        }
        match (traffic, stable, candidate) {
            (Some(traffic), Some(stable), Some(candidate)) if missing.0.is_empty() => {
                Ok(Self { traffic, health: PerRole { stable, candidate }, metrics, checks })
            }
            _ => Err(Failure::new(Exit::Usage, format!("nothing was asked:  {}", missing.0.join("  ")))),
        }
    }
}

/// What a plan needs and this machine does not have.
#[derive(Default)]
struct Missing(Vec<String>);

impl Missing {
    fn of<T>(&mut self, section: &str, made: Result<T, SetupError>) -> Option<T> {
        made.map_err(|error| {
            let words = format!("[{section}] {error}");
            if !self.0.contains(&words) {
                self.0.push(words);
            }
        })
        .ok()
    }
}

type Asked<'a> = Pin<Box<dyn Future<Output = Event> + 'a>>;

/// Feeds a watching engine by hand, so that the answers are judged by the same rules as in a run.
/// Gives, too, what the newest answers of those were whom no check asks.
async fn ask_all(plan: &Arc<Plan>, probes: &Probes) -> (Snapshot, Sources) {
    let began = Instant::now();
    let mut asking = Asking::new(plan.clone());
    let needs_rates = plan.checks.iter().any(|check| matches!(check.kind, CheckKind::Reading { .. }));
    let scrapes = if needs_rates { SCRAPES } else { 1 };
    for scrape in 0..scrapes {
        let mut asked: FuturesUnordered<Asked<'_>> = FuturesUnordered::new();
        if scrape == 0 {
            asked.extend(Role::BOTH.map(|role| -> Asked<'_> {
                Box::pin(async move { Event::HealthSeen { role, health: probes.health[role].ask().await } })
            }));
        }
        asked.extend(probes.metrics.iter().map(|(role, instance, probe)| -> Asked<'_> {
            Box::pin(async move {
                Event::Scraped { role: *role, instance: *instance, scrape: probe.scrape(clock::wall).await }
            })
        }));
        // Asked again only where there was an answer: it gives an idle candidate something to read.
        let answers = |index: usize| scrape == 0 || asking.verdict(index) != Some(Verdict::Unknown);
        asked.extend(probes.checks.iter().filter(|(index, _)| answers(*index)).map(|(check, probe)| -> Asked<'_> {
            Box::pin(async move { Event::CheckAnswered { check: *check, answer: probe.ask().await } })
        }));
        let left = ASK_LIMIT.saturating_sub(began.elapsed());
        let (mut all, mut lost) = (0, 0);
        let hearing = async {
            while let Some(event) = asked.next().await {
                if let Event::Scraped { scrape, .. } = &event {
                    all += 1;
                    lost += usize::from(scrape.is_err());
                }
                asking.tell(event);
            }
            asking.read_balancer(probes.traffic.as_ref()).await;
        };
        let in_time = tokio::time::timeout(left, hearing).await.is_ok();
        let known = !asking.engine.snapshot().checks.iter().any(|check| check.verdict == Verdict::Unknown);
        // Where no instance answers there is no rate to wait for.
        if known || !in_time || all == lost || scrape + 1 == scrapes {
            break;
        }
        tokio::time::sleep(plan.poll.readings.min(SCRAPE_PAUSE_MAX)).await;
    }
    (asking.engine.snapshot(), asking.sources)
}

/// The newest answers of those whom no check need ask, and whom every step asks. Whoever was not heard is unknown.
struct Sources {
    health: PerRole<Health>,
    feeds: Vec<(Role, usize, Result<(), Absence>)>,
    balancer: Result<(), Clean>,
}

impl Sources {
    fn new(plan: &Plan) -> Self {
        let instances = |role: Role| (0..plan.environments[role].metrics.len()).map(move |instance| (role, instance));
        let feeds = Role::BOTH.into_iter().flat_map(instances);
        Self {
            health: PerRole::from_fn(|_| Health::Unknown("not asked yet".into())),
            feeds: feeds.map(|(role, instance)| (role, instance, Err(Absence::NotYet))).collect(),
            balancer: Err("not read yet".into()),
        }
    }

    fn hear(&mut self, event: &Event) {
        if let Event::HealthSeen { role, health } = event {
            self.health[*role] = health.clone();
        } else if let Event::Scraped { role, instance, scrape } = event {
            let of_it = self.feeds.iter_mut().filter(|(of, index, _)| (of, index) == (role, instance));
            of_it.for_each(|(_, _, newest)| *newest = scrape.as_ref().map(|_| ()).map_err(Clone::clone));
        } else if let Event::Ended(Outcome { result: OutcomeKind::Read { state, .. }, .. }) = event {
            self.balancer = state.setting().map(|_| ()).map_err(Clone::clone);
        }
    }

    /// What of them is not good, beside what stands around the balancer's weights. Named as a run's gates are.
    fn besides(self, around: Vec<Finding>) -> Besides {
        let health = Role::BOTH.into_iter().filter_map(|role| {
            let (verdict, why) = match &self.health[role] {
                Health::Healthy => return None,
                Health::Failing(why) => (Verdict::Fail, why),
                Health::Unknown(why) => (Verdict::Unknown, why),
            };
            Some(finding(&format!("health of {}", role.key()), verdict, why.clone()))
        });
        let feeds = Role::BOTH.into_iter().filter_map(|role| {
            let why =
                self.feeds.iter().filter(|(of, ..)| *of == role).find_map(|(.., newest)| newest.as_ref().err())?;
            Some(finding(&format!("feed {}", role.key()), Verdict::Unknown, Clean::new(why.to_string())))
        });
        Besides {
            health: health.collect(),
            feeds: feeds.collect(),
            unread: self.balancer.err().map(|why| finding("balancer", Verdict::Unknown, why)),
            around,
        }
    }
}

struct Asking {
    engine: Engine,
    seq: u64,
    reads: Vec<EffectId>,
    sources: Sources,
}

impl Asking {
    fn new(plan: Arc<Plan>) -> Self {
        let (mono, wall, sources) = (clock::mono(), clock::wall(), Sources::new(&plan));
        Self { engine: Engine::new(plan, Mode::Watch, mono, wall, 0), seq: 0, reads: Vec::new(), sources }
    }

    fn verdict(&self, check: usize) -> Option<Verdict> {
        self.engine.snapshot().checks.get(check).map(|check| check.verdict)
    }

    fn tell(&mut self, event: Event) {
        self.sources.hear(&event);
        self.seq += 1;
        let handled = self.engine.handle(&Stamped { seq: self.seq, mono: clock::mono(), wall: clock::wall(), event });
        for effect in handled.effects {
            if let Effect::ReadSplit { id } = effect {
                self.reads.push(id);
            }
        }
    }

    async fn read_balancer(&mut self, traffic: &dyn Traffic) {
        for id in std::mem::take(&mut self.reads) {
            let started = clock::mono();
            let result = OutcomeKind::Read { started, state: traffic.read().await };
            self.tell(Event::Ended(Outcome { id, result }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What ends before the first bake and a rollback after it locks the first step.
    #[test]
    fn credentials_that_end_before_the_first_bake_are_no_go() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/progressive.toml");
        let plan = crate::plan::load_file(&path).unwrap_or_else(|errors| panic!("{errors}"));
        let needed = plan.steps[0].bake + CREDENTIALS_MARGIN;
        let now = Wall::from_millis(1_800_000_000_000);
        let until = |end: Wall| {
            let failure = Some(Clean::new("the sign-in has ended"));
            credentials(Credentials::Until { end, failure }, &plan, now)
        };
        let sound = until(now.plus(needed));
        assert_eq!(sound.verdict, Verdict::Pass, "{}", sound.detail);
        let short = until(now.plus(needed).minus(Duration::from_secs(1)));
        assert_eq!(short.verdict, Verdict::Fail, "{}", short.detail);
        assert!(short.detail.as_str().contains("need 10 min; not renewed: the sign-in has ended"), "{}", short.detail);
        assert_eq!(until(now.minus(needed)).verdict, Verdict::Fail, "it is over");
    }
}
