//! A balancer that holds the new split may still send the old way: only samples tell when requests follow, and when all
//! agree.

use crate::engine::balancer::split;
use crate::engine::plans::{AUTOMATIC, MANUAL, NODES, Sections};
use crate::engine::rig::Rig;
use crate::engine::script::story;
use std::time::Duration;
use warroom::domain::Verdict;
use warroom::engine::{Answer, Command, Event, Samples};

const SAMPLER: &str = r#"
    [sampler]
    url = "http://app:80/health"
    header = "X-Backend"
    rate = "5/s"
    [sampler.servers]
    stable = ["b"]
    candidate = ["g"]
"#;
const SAMPLED: Sections = Sections { more: SAMPLER, ..MANUAL };

/// Five samples a second for so many seconds, so many of ten by the candidate.
fn sample(rig: &mut Rig, seconds: u32, of_ten: u32) {
    for number in 0..seconds * 5 {
        let by_candidate = u32::from(number * 7 % 10 < of_ten);
        let samples = Samples { candidate: by_candidate, stable: 1 - by_candidate, ..Samples::default() };
        rig.feed(Event::Sampled(samples));
        rig.wait(200);
    }
}

/// Whether all agree, and in which words.
fn converged(rig: &Rig) -> (Option<bool>, String) {
    let view = rig.engine.snapshot().split.converged.expect("it drives");
    (view.converged, view.words.to_string())
}

#[test]
fn it_is_measured_from_the_write_to_the_first_samples_that_agree() {
    let mut rig = Rig::at_first_step(&SAMPLED);
    sample(&mut rig, 3, 1);
    let before = rig.engine.snapshot().tempo.measured;
    rig.advance("alice");
    rig.wait(500);
    assert_eq!(rig.balancer.share(), 500);
    // Read back long ago, and nobody follows for eight seconds.
    sample(&mut rig, 8, 0);
    assert_eq!(rig.engine.snapshot().tempo.measured, before, "the balancer's word is no measurement");
    let (agree, words) = converged(&rig);
    assert!(
        agree == Some(false) && words.starts_with("measured 0.0% (0.0-") && words.ends_with("not yet 50%"),
        "{words}"
    );
    sample(&mut rig, 5, 5);
    let measured = rig.engine.snapshot().tempo.measured.expect("measured");
    let about = Duration::from_millis(7_000)..Duration::from_millis(10_000);
    assert!(about.contains(&measured), "{measured:?}");
    // What was sampled before it followed is not counted against it.
    sample(&mut rig, 4, 5);
    assert_eq!(converged(&rig), (Some(true), "converged".to_owned()));
    let told = format!("converged: candidate 50% configured 0.0 s, measured {:.1} s after", measured.as_secs_f64());
    assert!(rig.said(&told), "{told}\n{}", story(&rig));

    rig.roll_back("alice", None);
    rig.wait(500);
    sample(&mut rig, 3, 5);
    sample(&mut rig, 10, 0);
    assert!(rig.said("converged: candidate 0% configured"), "{}", story(&rig));
    assert_eq!(converged(&rig).0, Some(true));
}

#[test]
fn requests_that_failed_or_met_somebody_unknown_tell_nothing() {
    let failed = Samples { failed: 1, ..Samples::default() };
    let unknown = Samples { unknown: 1, ..Samples::default() };
    for other in [failed, unknown] {
        let mut rig = Rig::at_first_step(&SAMPLED);
        rig.advance("alice");
        rig.wait(500);
        for number in 0..60 {
            let by_candidate = Samples { candidate: 1, ..Samples::default() };
            rig.feed(Event::Sampled(if number % 2 == 0 { other } else { by_candidate }));
            rig.wait(200);
        }
        assert_eq!(rig.engine.snapshot().tempo.measured, None, "{other:?}");
        let (agree, words) = converged(&rig);
        assert_eq!((agree, words.as_str()), (None, "unknown: 30 of 60 probes were answered by neither side"));
        assert!(!rig.said("converged:"));
    }
}

/// Those that nobody answered may all have been the candidate's, or none: only what neither would make right differs.
#[test]
fn requests_that_failed_differ_only_where_nobody_could_make_them_agree() {
    for (stable, failed, agrees) in [(30, 170, None), (400, 10, Some(false))] {
        let mut rig = Rig::at_first_step(&SAMPLED);
        rig.feed(Event::Sampled(Samples { stable, failed, ..Samples::default() }));
        let (agree, words) = converged(&rig);
        assert_eq!(agree, agrees, "{stable} by stable, {failed} by nobody: {words}");
    }
}

#[test]
fn what_does_not_converge_is_told_once() {
    let mut rig = Rig::at_first_step(&SAMPLED);
    rig.advance("alice");
    rig.wait(500);
    sample(&mut rig, 130, 0);
    let told = rig.lines().filter(|line| line.text.as_str().contains("has not converged 120 s after")).count();
    assert_eq!(told, 1, "{}", story(&rig));
    assert!(rig.said("measured 0.0% (0.0-") && rig.said("not yet 50%"));
}

#[test]
fn without_a_sampler_what_is_configured_counts_and_without_a_read_nothing_does() {
    let mut rig = Rig::at_first_step(&NODES);
    assert_eq!(converged(&rig), (Some(true), "converged, as configured; nothing samples it".to_owned()));
    let mut part = split(&rig.balancer.layout, 500);
    part.0.retain(|slot, _| slot.node == 1);
    rig.balancer.land(&part);
    rig.wait(2_000);
    let (agree, words) = converged(&rig);
    assert!(agree == Some(false) && words.starts_with("configured differs: lb2: b1 "), "{words}");
    rig.balancer.dark.insert(0);
    rig.wait(2_000);
    let (agree, words) = converged(&rig);
    assert!(agree.is_none() && words.starts_with("unknown: the balancer cannot be read"), "{words}");
}

/// A sampler of ours that tells nothing warns a person, and keeps the keeper from going on by itself.
#[test]
fn the_keeper_waits_for_what_is_measured_and_a_person_is_warned() {
    let mut rig = Rig::at_first_step(&Sections { more: SAMPLER, ..AUTOMATIC });
    let gate = |rig: &Rig| {
        let gates = rig.engine.gates();
        let gate = gates.into_iter().find(|gate| gate.name.as_str() == "measured split").expect("there is a sampler");
        (gate.verdict, gate.detail.to_string())
    };
    rig.wait(10_000);
    assert_eq!(gate(&rig), (Verdict::Warn, "unknown: no probe lately".to_owned()));
    assert_eq!(rig.balancer.share(), 100, "{}", story(&rig));
    let band = rig.engine.snapshot().band.text;
    assert!(band.as_str().contains("next: 50% by itself, waits: measured split"), "{band}");
    sample(&mut rig, 7, 1);
    assert_eq!(rig.balancer.share(), 500, "{}", story(&rig));

    let mut rig = Rig::at_first_step(&SAMPLED);
    rig.advance("alice");
    rig.wait(500);
    assert_eq!(rig.balancer.share(), 500, "a person judges it");
}

/// All of it is at the interval's very end, and is known as soon as the first samples show it.
#[test]
fn the_last_step_is_measured_too() {
    let mut rig = Rig::at_first_step(&SAMPLED);
    for _ in 0..2 {
        rig.advance("alice");
        rig.wait(7_000);
    }
    assert_eq!(rig.balancer.share(), 1_000, "{}", story(&rig));
    sample(&mut rig, 7, 10);
    assert!(rig.said("converged: candidate 100% configured 0.0 s, measured 7.0 s after"), "{}", story(&rig));
}

/// What agreed once says nothing of now, five seconds after the last probe.
#[test]
fn a_sampler_that_falls_silent_agrees_with_nothing() {
    let mut rig = Rig::at_first_step(&SAMPLED);
    sample(&mut rig, 7, 1);
    rig.feed(Event::Sampled(Samples { stable: 9, candidate: 1, ..Samples::default() }));
    for (ms, agree, words) in [
        (5_000, Some(true), "converged"),
        (100, None, "unknown: no probe lately"),
        (20_000, None, "unknown: no probe lately"),
    ] {
        rig.wait(ms);
        rig.feed(Event::Woke);
        assert_eq!(converged(&rig), (agree, words.to_owned()), "{ms}");
    }
}

/// What was adopted in between was not this write's: it neither converged nor failed to.
#[test]
fn an_adopted_setting_ends_the_wait_for_the_step_before_it() {
    let mut rig = Rig::at_first_step(&SAMPLED);
    let foreign = split(&rig.balancer.layout, 300);
    rig.balancer.land(&foreign);
    rig.wait(2_000);
    assert!(matches!(rig.ask_for("alice", Command::Adopt), Answer::Applied(_)));
    sample(&mut rig, 20, 3);
    assert_eq!(converged(&rig), (Some(true), "converged".to_owned()));
    assert!(!rig.said("converged: candidate 10%"), "{}", story(&rig));
    sample(&mut rig, 110, 0);
    assert!(!rig.said("has not converged"), "{}", story(&rig));
}

/// Nor is what a rollback makes of it, also where somebody else had moved everything back before.
#[test]
fn a_rollback_ends_the_wait_for_the_step_before_it() {
    let mut rig = Rig::at_first_step(&SAMPLED);
    let back = split(&rig.balancer.layout, 0);
    rig.balancer.land(&back);
    rig.wait(2_000);
    rig.roll_back("alice", None);
    rig.wait(1_000);
    sample(&mut rig, 20, 0);
    assert_eq!(converged(&rig).0, Some(true));
    assert!(!rig.said("converged: candidate 10%"), "{}", story(&rig));
}
