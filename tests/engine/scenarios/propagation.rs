//! A balancer that holds the new split may still send the old way: only samples tell when requests follow.

use crate::engine::plans::MANUAL;
use crate::engine::rig::Rig;
use std::time::Duration;
use warroom::engine::{Event, Samples};

/// Five samples a second for so many seconds, so many of ten by the candidate.
fn sample(rig: &mut Rig, seconds: u32, of_ten: u32) {
    for number in 0..seconds * 5 {
        let by_candidate = u32::from(number * 7 % 10 < of_ten);
        let samples = Samples { candidate: by_candidate, stable: 1 - by_candidate, ..Samples::default() };
        rig.feed(Event::Sampled(samples));
        rig.wait(200);
    }
}

#[test]
fn it_is_measured_from_the_write_to_the_first_samples_that_agree() {
    let mut rig = Rig::at_first_step(&MANUAL);
    sample(&mut rig, 3, 1);
    let before = rig.engine.snapshot().tempo.measured;
    rig.advance("alice");
    rig.wait(500);
    assert_eq!(rig.balancer.share(), 500);
    // Read back long ago, and nobody follows for three seconds.
    sample(&mut rig, 3, 0);
    assert_eq!(rig.engine.snapshot().tempo.measured, before, "the balancer's word is no measurement");
    sample(&mut rig, 5, 5);
    let measured = rig.engine.snapshot().tempo.measured.expect("measured");
    let about = Duration::from_millis(2_000)..Duration::from_millis(5_000);
    assert!(about.contains(&measured), "{measured:?}");
    assert!(rig.said("candidate 50% measured"));

    rig.roll_back("alice", None);
    rig.wait(500);
    sample(&mut rig, 3, 5);
    sample(&mut rig, 4, 0);
    assert!(rig.said("traffic moved: candidate 0% measured"));
}

#[test]
fn requests_that_failed_tell_nothing() {
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.advance("alice");
    rig.wait(500);
    for number in 0..30 {
        let samples = Samples { candidate: number % 2, failed: 1 - number % 2, ..Samples::default() };
        rig.feed(Event::Sampled(samples));
        rig.wait(200);
    }
    assert_eq!(rig.engine.snapshot().tempo.measured, None);
}
