//! The tasks that look at things, each supervised: one that panics is told as a lost source and begun again.

use super::effects::find_tombstone;
use super::lanes::Source;
use super::patience::{LOOK_WAIT, PLAN_FILE, bounded};
use super::probes::Probe;
use super::{Operator, Shared, lost_words};
use crate::clock;
use crate::domain::{Absence, Clean, Role};
use crate::engine::{CheckAnswer, Event, Health, Samples};
use crate::plan::{CheckKind, Environment, Plan};
use crate::probe::{CheckProbe, HealthProbe, MetricsProbe, SampleSeen, SamplerProbe};
use crate::remote::SetupError;
use crate::traffic::Traffic;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// Least time that an environment has for an answer, however often it is asked.
const PROBE_TIMEOUT_LEAST: Duration = Duration::from_secs(1);
/// Requests of the sampler that may be under way at once.
const SAMPLES_UNDER_WAY_MAX: usize = 16;
/// Time between two looks for a tombstone and at the plan's file.
const FOLDER_INTERVAL: Duration = Duration::from_secs(2);
/// Time before a lost source is begun again.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// Starts a task for each thing the plan looks at. What a run that begins lacks for that is an error; one that goes on
/// looks as soon as it can, see [`Probe`].
pub fn start(
    plan: &Arc<Plan>,
    plan_path: &Path,
    folder: PathBuf,
    senders: &Shared,
    plan_changed: &Arc<AtomicBool>,
    goes_on: bool,
) -> Result<(), SetupError> {
    for role in Role::BOTH {
        for instance in 0..plan.environments[role].metrics.len() {
            let of = plan.clone();
            let probe = Probe::new(goes_on, move || {
                let Environment { metrics, http, .. } = &of.environments[role];
                MetricsProbe::new(&metrics[instance], http, &of.metrics, of.poll.readings.max(PROBE_TIMEOUT_LEAST))
            })?;
            start_metrics(role, instance, probe, plan.poll.readings, senders);
        }
        let of = plan.clone();
        let probe = Probe::new(goes_on, move || {
            HealthProbe::new(&of.environments[role], of.poll.health.max(PROBE_TIMEOUT_LEAST))
        })?;
        start_health(role, probe, plan.poll.health, senders);
    }
    for (index, check) in plan.checks.iter().enumerate() {
        if let CheckKind::Http(http) = &check.kind {
            let (of, http, timeout) = (plan.clone(), http.clone(), check.timeout);
            let probe = Probe::new(goes_on, move || CheckProbe::new(&of.environments[http.role], &http, timeout))?;
            start_check(index, probe, check.interval, senders);
        }
    }
    if let Some(sampler) = &plan.sampler {
        let (rate, timeout, sampler) = (sampler.rate, plan.traffic.timeout, sampler.clone());
        start_sampler(Probe::new(goes_on, move || SamplerProbe::new(&sampler, timeout))?, rate, senders);
    }
    start_folder(plan, plan_path, folder, senders, plan_changed);
    Ok(())
}

fn start_metrics(role: Role, instance: usize, probe: Probe<MetricsProbe>, every: Duration, senders: &Shared) {
    let readings = senders.readings.clone();
    let put = move |scrape| readings.put(Source::Metrics(role, instance), Event::Scraped { role, instance, scrape });
    let lost = put.clone();
    supervise(
        format!("metrics of {} #{}", role.key(), instance + 1),
        senders,
        move |why| lost(Err(Absence::Lost(why))),
        probe,
        move |probe| {
            let put = put.clone();
            each(every, move || {
                let (probe, put) = (probe.clone(), put.clone());
                async move { put(probe.scrape(clock::wall).await) }
            })
        },
    );
}

fn start_health(role: Role, probe: Probe<HealthProbe>, every: Duration, senders: &Shared) {
    let readings = senders.readings.clone();
    let put = move |health| readings.put(Source::Health(role), Event::HealthSeen { role, health });
    let lost = put.clone();
    supervise(
        format!("health of {}", role.key()),
        senders,
        move |why| lost(Health::Unknown(why)),
        probe,
        move |probe| {
            let put = put.clone();
            each(every, move || {
                let (probe, put) = (probe.clone(), put.clone());
                async move { put(probe.ask().await) }
            })
        },
    );
}

fn start_check(check: usize, probe: Probe<CheckProbe>, every: Duration, senders: &Shared) {
    let readings = senders.readings.clone();
    let put = move |answer| readings.put(Source::Check(check), Event::CheckAnswered { check, answer });
    let lost = put.clone();
    let unknown = |why: Clean| CheckAnswer { verdict: crate::domain::Verdict::Unknown, detail: why.clone(), raw: why };
    supervise(
        format!("check {}", check + 1),
        senders,
        move |why| lost(unknown(why)),
        probe,
        move |probe| {
            let put = put.clone();
            each(every, move || {
                let (probe, put) = (probe.clone(), put.clone());
                async move { put(probe.ask().await) }
            })
        },
    );
}

fn start_sampler(probe: Probe<SamplerProbe>, rate: f64, senders: &Shared) {
    let readings = senders.readings.clone();
    supervise(
        "split sampler".to_owned(),
        senders,
        |_| {},
        probe,
        move |probe| {
            let readings = readings.clone();
            let under_way = Arc::new(tokio::sync::Semaphore::new(SAMPLES_UNDER_WAY_MAX));
            each(Duration::from_secs_f64(1.0 / rate), move || {
                let (probe, readings, under_way) = (probe.clone(), readings.clone(), under_way.clone());
                async move {
                    // With all places taken the balancer hangs; those under way will count as failed.
                    let Ok(place) = under_way.try_acquire_owned() else { return };
                    tokio::spawn(async move {
                        let sample = counted(async move { probe.ask().await }).await;
                        readings.put(Source::Sampler, Event::Sampled(sample));
                        drop(place);
                    });
                }
            })
        },
    );
}

/// One request of the sampler. One that was lost has failed: without it the rest would look better than it is.
async fn counted(asking: impl Future<Output = SampleSeen> + Send + 'static) -> Samples {
    let seen = tokio::spawn(asking).await.unwrap_or_else(|error| {
        tracing::error!(why = %lost_words(error), "a request of the split sampler was lost");
        SampleSeen::Failed
    });
    let mut samples = Samples::default();
    match seen {
        SampleSeen::By(Role::Stable) => samples.stable = 1,
        SampleSeen::By(Role::Candidate) => samples.candidate = 1,
        SampleSeen::ByUnknown => samples.unknown = 1,
        SampleSeen::Failed => samples.failed = 1,
    }
    samples
}

/// Looks again and again at what stands around the balancer's weights.
pub fn start_survey(traffic: Arc<dyn Traffic>, interval: Duration, senders: &Shared) {
    let readings = senders.readings.clone();
    supervise(
        "balancer survey".to_owned(),
        senders,
        |_| {},
        Probe::Made(traffic),
        move |traffic| {
            let readings = readings.clone();
            each(interval, move || {
                let (traffic, readings) = (traffic.clone(), readings.clone());
                async move {
                    if let Some(survey) = traffic.survey(clock::wall()).await {
                        readings.put(Source::Survey, Event::Surveyed(survey));
                    }
                }
            })
        },
    );
}

/// Looks for a tombstone, and whether the plan's file still is what was frozen.
fn start_folder(plan: &Arc<Plan>, plan_path: &Path, folder: PathBuf, senders: &Shared, changed: &Arc<AtomicBool>) {
    let (operator, frozen, path, changed) =
        (senders.operator.clone(), Arc::<str>::from(plan.source.text.as_str()), plan_path.to_owned(), changed.clone());
    supervise(
        "run folder".to_owned(),
        senders,
        |_| {},
        Probe::Made(()),
        move |()| {
            let (operator, folder, frozen, path, changed) =
                (operator.clone(), folder.clone(), frozen.clone(), path.clone(), changed.clone());
            each(FOLDER_INTERVAL, move || {
                let (operator, folder) = (operator.clone(), folder.clone());
                let (frozen, path, changed) = (frozen.clone(), path.clone(), changed.clone());
                async move {
                    let differs = move || std::fs::read_to_string(&path).is_ok_and(|text| text != *frozen);
                    let looks = (find_tombstone(&folder), bounded(&PLAN_FILE, LOOK_WAIT, differs));
                    let (stone, differs) = tokio::join!(looks.0, looks.1);
                    if let Some(differs) = differs {
                        changed.store(differs, Ordering::Relaxed);
                    }
                    match stone {
                        Ok(Some(words)) => {
                            let _ = operator.send(Operator::from(Event::TombstoneFound { words })).await;
                        }
                        Ok(None) => {}
                        Err(why) => tracing::warn!("{why}"),
                    }
                }
            })
        },
    );
}

/// Does something again and again; a turn that takes longer than the interval delays the next.
async fn each<F: Future<Output = ()>>(every: Duration, mut turn: impl FnMut() -> F) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        turn().await;
    }
}

/// Runs an endless task, and begins it again when it ends: it does so only by a panic. What it looks with may have to be
/// waited for.
fn supervise<P, F>(
    name: String,
    senders: &Shared,
    lost: impl Fn(Clean) + Send + 'static,
    probe: Probe<P>,
    turns: impl Fn(P) -> F + Send + 'static,
) where
    P: Clone + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let operator = senders.operator.clone();
    tokio::spawn(async move {
        // Why it could not be made, as it was said last: the same again is no news.
        let mut missing = None;
        loop {
            let why = match probe.made().await {
                Err(why) => why,
                Ok(probe) => {
                    missing = None;
                    match tokio::spawn(turns(probe)).await {
                        Ok(()) => "it ended".into(),
                        Err(error) if error.is_cancelled() => return,
                        Err(error) => lost_words(error),
                    }
                }
            };
            lost(why.clone());
            if missing.replace(why.clone()).as_ref() != Some(&why) {
                tracing::error!(source = name, %why, "source lost");
                let event = Event::SourceLost { source: Clean::new(&name), why };
                let _ = operator.send(Operator::from(event)).await;
            }
            tokio::time::sleep(RESTART_PAUSE).await;
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sample_that_is_lost_has_failed() {
        let failed = Samples { failed: 1, ..Samples::default() };
        assert_eq!(counted(async { panic!("asked for") }).await, failed);
        assert_eq!(
            counted(async { SampleSeen::By(Role::Candidate) }).await,
            Samples { candidate: 1, ..Samples::default() }
        );
    }
}
