//! A keeper that is stopped with a step forward in its hands, a rollback without it, and what it does when it wakes up.

use crate::support::{Asked, Running, Site, args, is_stopped, signal, wait_until};
use rustix::process::Signal;
use std::time::{Duration, Instant};
use warroom::domain::RunId;
use warroom::engine::Entry;
use warroom::journal::{Places, Reader};

/// Longer than a step that was decided may wait to be sent.
const STOOD: Duration = Duration::from_millis(2_500);

/// Reads between a write of a keeper that woke up too late and its own rollback of it: the regular one, which is overdue;
/// the look that goes before; and one more where that came back before the record was on disk.
const LOOKS_MAX: usize = 3;

/// A keeper that stands still at a place of its step from 10 % to 50 %.
#[track_caller]
fn stands_still_at(place: &str) -> (Site, Running, u32, Running) {
    let site = Site::new();
    let plan = site.write(&site.plan());
    let mut command = site.home.command(args(&["run", "PLAN", "--as", "alice"], &plan));
    let console = Running::start(command.env("WARROOM_FAILPOINT", format!("stop {place}:2")));
    wait_until("the keeper answers", || site.home.try_status().is_some());
    site.advance_to(10.0);
    site.home.ready();
    let keeper = site.home.keeper_pid();
    let advancing = site.home.start(["advance", "--as", "alice"]);
    wait_until("the keeper stands still", || is_stopped(keeper));
    (site, console, keeper, advancing)
}

/// It is gone around, and wakes up. What the balancer was asked from then on, until the keeper has followed.
#[track_caller]
fn wakes_up_at(place: &str) -> Vec<Asked> {
    let (site, _console, keeper, advancing) = stands_still_at(place);
    let (run, since) = (site.run_id(), Instant::now());
    site.home.run(["rollback", &run, "--direct", "--yes"]).exits(0).says("confirmed");
    assert_eq!(site.balancer.green(), 0.0);
    let before = site.balancer.asked().len();
    stood_since(since);
    signal(keeper, Signal::CONT);
    let status = site.home.phase("rolled_back");
    advancing.finish();
    assert_eq!(status["keeper"]["pid"], keeper);
    let reason = status["rollback"]["reason"].as_str().expect("a reason");
    assert!(reason.contains("rolled back directly"), "the tombstone leads it: {reason}");
    site.home.run(["advance", "--as", "alice"]).exits(1).says("nothing moves forward");
    assert_eq!(site.balancer.green(), 0.0);
    site.balancer.asked().split_off(before)
}

/// Not synchronisation: the time for which it stands still.
fn stood_since(since: Instant) {
    std::thread::sleep(STOOD.saturating_sub(since.elapsed()));
}

/// The writes that gave the candidate something.
fn forward(asked: &[Asked]) -> usize {
    asked.iter().filter(|asked| matches!(asked, Asked::Write(green) if *green > 0.0)).count()
}

#[test]
fn a_keeper_stopped_before_it_looked_sends_nothing_forward() {
    let asked = wakes_up_at("forward asked");
    assert_eq!(forward(&asked), 0, "{asked:?}");
}

#[test]
fn a_keeper_stopped_after_it_looked_sends_nothing_forward() {
    let asked = wakes_up_at("forward due");
    assert_eq!(forward(&asked), 0, "{asked:?}");
}

/// Somebody sets the balancer meanwhile, without a word to anybody: what the step went by is no reading any more.
#[test]
fn a_keeper_stopped_before_it_sent_goes_by_no_reading_of_before() {
    for place in ["forward asked", "forward due"] {
        let (site, _console, keeper, advancing) = stands_still_at(place);
        site.balancer.set(0.0);
        let before = site.balancer.asked().len();
        stood_since(Instant::now());
        signal(keeper, Signal::CONT);
        advancing.finish();
        site.home.status_when("it says what is there", |status| status["drift"].is_object());
        let run = RunId::parse(&site.run_id()).expect("a run");
        let journal = Places::at(site.home.state()).journal(&run);
        let entries = Reader::open(&journal).and_then(|reader| reader.entries()).expect("its journal");
        let told = |entry: &Entry| entry.text.as_str().contains("it was not sent: the keeper stood still for");
        assert!(entries.iter().any(told), "{entries:#?}");
        let asked = site.balancer.asked().split_off(before);
        assert_eq!((forward(&asked), site.balancer.green()), (0, 0.0), "{asked:?}");
    }
}

#[test]
fn a_keeper_stopped_while_it_sends_takes_back_at_once_what_it_sends() {
    let asked = wakes_up_at("forward going");
    assert_eq!(forward(&asked), 1, "nobody can hold it any more: {asked:?}");
    let sent = asked.iter().position(|asked| *asked == Asked::Write(50.0)).expect("the step");
    let looks = asked[sent + 1..].iter().take_while(|asked| **asked == Asked::Read).count();
    assert!(looks <= LOOKS_MAX, "{asked:?}");
    assert_eq!(asked[sent + 1 + looks], Asked::Write(0.0), "{asked:?}");
}

#[test]
fn a_keeper_stopped_after_it_wrote_follows() {
    let asked = wakes_up_at("forward written");
    assert_eq!(forward(&asked), 0, "{asked:?}");
}
