//! Guardrails: what holds, what rolls back, and when the keeper leaves it to a person.

use crate::engine::plans::{LIMITS, MANUAL, STEPS, Sections};
use crate::engine::rig::{Rig, Scraping};
use crate::engine::script::Act::*;
use crate::engine::script::{Act, play, story};
use warroom::domain::{Absence, Role};
use warroom::engine::{Direction, Phase};

const CANDIDATE: Role = Role::Candidate;
const TO_FIRST_STEP: [Act; 5] = [Comes("alice"), Wait(3_000), Advance("alice"), Wait(4_000), Is(Phase::Baking)];

fn leaked(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

fn after_first_step(sections: &Sections, acts: &[Act]) -> Rig {
    play(sections, &[&TO_FIRST_STEP, acts].concat())
}

#[test]
fn errors_over_the_limit_for_its_time_hold() {
    after_first_step(
        &MANUAL,
        &[
            Errors(CANDIDATE, 0.03),
            Wait(4_000),
            Is(Phase::Baking),
            Wait(5_000),
            Is(Phase::Held),
            Said("AUTO-HOLD at 10%: 5xx CANDIDATE GREEN"),
            Sent(1, 0),
            Resume("alice"),
            Refused("5xx CANDIDATE GREEN"),
            Errors(CANDIDATE, 0.0),
            Wait(8_000),
            Is(Phase::Held),
            Resume("alice"),
            Applied("resumes"),
            Is(Phase::Baking),
        ],
    );
}

#[test]
fn errors_over_the_rollback_limit_for_its_time_roll_back() {
    let rig = after_first_step(
        &MANUAL,
        &[
            Errors(CANDIDATE, 1.0),
            Wait(2_000),
            Is(Phase::Baking),
            Sent(1, 0),
            Wait(4_000),
            Is(Phase::RollingBack),
            Said("AUTOMATIC ROLLBACK to BLUE v1: 5xx CANDIDATE GREEN"),
            Sent(1, 1),
            Share(0),
        ],
    );
    assert!(rig.engine.snapshot().rollback.unwrap().automatic);
}

#[test]
fn a_short_peak_does_nothing() {
    // One second of errors stays in the window of five, which is shorter than the limit's eight.
    let limits = leaked(LIMITS.replace("for = \"3s\"", "for = \"8s\""));
    after_first_step(
        &Sections { limits, ..MANUAL },
        &[
            Errors(CANDIDATE, 0.12),
            Wait(1_000),
            Errors(CANDIDATE, 0.0),
            Wait(20_000),
            Said("> 2.00%"),
            Is(Phase::Baking),
            Unsaid("AUTO"),
            Sent(1, 0),
        ],
    );
}

#[test]
fn stable_errors_alone_do_not_move_anything() {
    after_first_step(&MANUAL, &[Errors(Role::Stable, 1.0), Wait(20_000), Is(Phase::Baking), Sent(1, 0)]);
}

#[test]
fn suspended_it_holds_and_goes_back_once_it_is_on_again() {
    after_first_step(
        &MANUAL,
        &[
            Suspend("alice", 7_200),
            Refused("at most 1 h"),
            Suspend("alice", 60),
            Applied("suspends automatic rollback until"),
            Errors(CANDIDATE, 1.0),
            Wait(8_000),
            Is(Phase::Held),
            Said("no automatic rollback: suspended by alice"),
            Sent(1, 0),
            Unsuspend("alice"),
            Wait(500),
            Is(Phase::RollingBack),
            Sent(1, 1),
        ],
    );
    after_first_step(
        &MANUAL,
        &[
            Suspend("alice", 20),
            Errors(CANDIDATE, 1.0),
            Wait(19_000),
            Is(Phase::Held),
            Wait(2_000),
            Said("its suspension ran out"),
            Is(Phase::RollingBack),
        ],
    );
}

#[test]
fn only_the_driver_suspends_and_anyone_rolls_back_all_the_same() {
    after_first_step(
        &MANUAL,
        &[
            Comes("bob"),
            Suspend("bob", 60),
            Refused("only the driver"),
            Suspend("alice", 60),
            Rollback("bob"),
            Applied("rolling back"),
        ],
    );
}

/// Invariant 8: no automatic action moves traffic to an environment known to be down.
#[test]
fn nothing_goes_by_itself_to_a_stable_that_is_down() {
    after_first_step(
        &MANUAL,
        &[
            Failing(Role::Stable),
            Wait(4_000),
            Said("STABLE BLUE v1 is down"),
            Errors(CANDIDATE, 1.0),
            Wait(8_000),
            Is(Phase::Held),
            Said("no automatic rollback: BLUE v1 is not ready"),
            Sent(1, 0),
            Rollback("alice"),
            Refused("TARGET NOT READY"),
            RollbackTyped("alice", "checkuot"),
            Refused("the typed name is not"),
            Is(Phase::Held),
            RollbackTyped("alice", "checkout"),
            Applied("rolling back"),
            Wait(8_000),
            Share(0),
        ],
    );
}

#[test]
fn once_stable_is_healthy_again_the_automatic_rollback_goes_out() {
    after_first_step(
        &MANUAL,
        &[
            Failing(Role::Stable),
            Wait(4_000),
            Errors(CANDIDATE, 1.0),
            Wait(8_000),
            Sent(1, 0),
            Healthy(Role::Stable),
            Wait(1_500),
            Is(Phase::RollingBack),
            Sent(1, 1),
        ],
    );
}

#[test]
fn past_the_point_of_no_return_only_a_typed_name_rolls_back() {
    let steps = leaked(STEPS.replacen("bake = \"5s\"", "bake = \"5s\"\npoint_of_no_return = \"schema v43\"", 1));
    let plan = Sections { steps, ..MANUAL };
    after_first_step(
        &plan,
        &[
            Said("past the point of no return: schema v43"),
            Errors(CANDIDATE, 1.0),
            Wait(8_000),
            Is(Phase::Held),
            Said("no automatic rollback: past the point of no return: schema v43"),
            Sent(1, 0),
            Rollback("alice"),
            Refused("past the point of no return: schema v43"),
            RollbackTyped("alice", "checkout"),
            Applied("rolling back"),
            Wait(8_000),
            Share(0),
        ],
    );
}

/// The point is passed when the write goes out: what breaks does not wait for the read-back.
#[test]
fn a_write_under_way_to_the_point_of_no_return_counts() {
    let steps = leaked(STEPS.replacen("bake = \"5s\"", "bake = \"5s\"\npoint_of_no_return = \"schema v43\"", 1));
    let plan = Sections { steps, ..MANUAL };
    play(
        &plan,
        &[
            Comes("alice"),
            Wait(3_000),
            Next(&[crate::engine::balancer::Fate::Late(3_000)]),
            Advance("alice"),
            Wait(100),
            Rollback("alice"),
            Refused("past the point of no return"),
        ],
    );
}

#[test]
fn a_plan_that_says_manual_holds_instead() {
    let plan = Sections { more: "[rollback]\nautomatic = false\n", ..MANUAL };
    after_first_step(
        &plan,
        &[Errors(CANDIDATE, 1.0), Wait(8_000), Is(Phase::Held), Said("the plan says manual"), Sent(1, 0)],
    );
}

/// `absent`: unreachable for the BLIND limit of five seconds, and then as the plan says.
#[test]
fn no_reading_holds_or_rolls_back_as_the_plan_says() {
    let gone = || Metrics(CANDIDATE, Scraping::Fails(Absence::Unreachable("timeout".into())));
    after_first_step(
        &MANUAL,
        &[gone(), Wait(4_000), Is(Phase::Baking), Wait(3_000), Is(Phase::Held), Wait(30_000), Sent(1, 0)],
    );
    let limits = leaked(LIMITS.replace("absent = \"hold\"", "absent = \"roll_back\""));
    after_first_step(
        &Sections { limits, ..MANUAL },
        &[
            gone(),
            Wait(4_000),
            Is(Phase::Baking),
            Wait(3_000),
            Is(Phase::Held),
            Wait(3_500),
            Is(Phase::RollingBack),
            Sent(1, 1),
        ],
    );
    let limits = leaked(LIMITS.replace("absent = \"hold\"", "absent = \"warn\""));
    after_first_step(
        &Sections { limits, ..MANUAL },
        &[gone(), Wait(30_000), Is(Phase::Baking), Locked("feed candidate", "old"), Sent(1, 0)],
    );
}

/// `OnAbsent::Hold`: "holds once the reading has been missing for the BLIND limit", not at one bad scrape.
#[test]
fn one_scrape_without_the_series_neither_holds_nor_rolls_back() {
    for absent in ["hold", "roll_back"] {
        let limits = LIMITS.replace("absent = \"hold\"", &format!("absent = \"{absent}\""));
        let limits = leaked(limits.replace("for = \"3s\"", "for = \"0s\""));
        let mut rig = Rig::ready(&Sections { limits, ..MANUAL });
        rig.advance("alice");
        rig.wait(4_000);
        assert_eq!(rig.engine.phase(), Phase::Baking);
        rig.worlds[CANDIDATE].scraping = Scraping::Missing;
        rig.wait(1_000);
        rig.worlds[CANDIDATE].scraping = Scraping::Fine;
        rig.wait(1_500);
        assert_eq!(rig.engine.phase(), Phase::Baking, "absent = {absent}\n{}", story(&rig));
        assert_eq!(rig.sent(Direction::Back), 0);
    }
}

#[test]
fn blind_holds_without_any_guardrail_too() {
    let plan = Sections { limits: "[[checks]]\nname = \"balancer\"\nkind = \"balancer\"\n", ..MANUAL };
    after_first_step(
        &plan,
        &[
            Metrics(CANDIDATE, Scraping::Silent),
            Wait(7_500),
            Is(Phase::Held),
            Said("BLIND: no candidate metrics"),
            Resume("alice"),
            Refused("BLIND"),
        ],
    );
}

#[test]
fn limits_still_act_while_complete_is_watched_and_no_longer_after() {
    let to_the_end = [
        Comes("alice"),
        Wait(3_000),
        Advance("alice"),
        Wait(7_000),
        Advance("alice"),
        Wait(7_000),
        Advance("alice"),
        Wait(7_000),
        Is(Phase::Complete),
    ];
    let rolls = [Errors(CANDIDATE, 1.0), Wait(8_000), Is(Phase::RollingBack)];
    play(&MANUAL, &[&to_the_end[..], &rolls].concat());
    let watched = [Wait(61_000), Errors(CANDIDATE, 1.0), Wait(20_000), Is(Phase::Complete), Sent(3, 0)];
    play(&MANUAL, &[&to_the_end[..], &watched].concat());
}
