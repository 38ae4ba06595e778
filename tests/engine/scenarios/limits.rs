//! Guardrails: what holds, what rolls back, and when the keeper leaves it to a person.

use crate::engine::balancer::Fate;
use crate::engine::balancer::split;
use crate::engine::plans::{LIMITS, MANUAL, NODES, STEPS, Sections};
use crate::engine::rig::{Rig, Scraping};
use crate::engine::script::Act::*;
use crate::engine::script::{Act, play, refusal, story};
use std::time::Duration;
use warroom::domain::{Absence, Role};
use warroom::engine::{Answer, Command, Direction, Phase, Severity};

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
            Said("AUTO-HOLD at 10%: 5xx CANDIDATE GREEN 3.00% > 2.00% for 2 s"),
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
            Said("AUTOMATIC ROLLBACK to BLUE v1: 5xx CANDIDATE GREEN 60.0% > 5.00% for 2 s"),
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

/// A bake is healthy time: what was baked before a breach does not count after it.
#[test]
fn a_breach_begins_the_bake_anew() {
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.worlds[CANDIDATE].errors = 0.03;
    rig.wait(9_000);
    assert_eq!((rig.engine.phase(), rig.engine.snapshot().bake.unwrap().0), (Phase::Held, Duration::ZERO));
    rig.worlds[CANDIDATE].errors = 0.0;
    rig.wait(4_000);
    rig.resume("alice");
    assert!(refusal(&rig.advance("alice")).contains("bake"), "{}", story(&rig));
    rig.wait(5_000);
    assert!(matches!(rig.advance("alice"), Answer::Applied(_)), "{}", story(&rig));
}

#[test]
fn stable_errors_alone_do_not_move_anything() {
    after_first_step(&MANUAL, &[Errors(Role::Stable, 1.0), Wait(20_000), Is(Phase::Baking), Sent(1, 0)]);
}

#[test]
fn suspended_it_holds_and_goes_back_once_it_is_on_again() {
    let rig = after_first_step(
        &MANUAL,
        &[
            Suspend("alice", 7_200),
            Refused("at most 1 h"),
            Suspend("alice", 3_601),
            Refused("at most 1 h"),
            Suspend("alice", 3_600),
            Applied("suspends automatic rollback until"),
            Suspend("alice", 60),
            Applied("suspends automatic rollback until"),
            Errors(CANDIDATE, 1.0),
            Wait(8_000),
            Is(Phase::Held),
            Said("no automatic rollback: suspended by alice"),
            Sent(1, 0),
            Wait(10_000),
            Unsuspend("alice"),
            Wait(500),
            Is(Phase::RollingBack),
            Sent(1, 1),
        ],
    );
    assert_eq!(rig.lines().filter(|line| line.text.as_str().contains("AUTO-HOLD")).count(), 1, "told once");
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

/// The plan says how many of stable's servers must be up; so many are enough, and fewer are not.
#[test]
fn nothing_goes_by_itself_to_a_stable_with_too_few_servers() {
    for (down, phase) in [(&["b1"][..], Phase::RollingBack), (&["b1", "b2"], Phase::Held)] {
        let more = "[rollback]\nautomatic = true\nstable_ready = \"50 %\"\n";
        let mut rig = Rig::at_first_step(&Sections { more, ..NODES });
        rig.balancer.down = down.iter().map(|name| (*name).to_owned()).collect();
        rig.wait(1_500);
        let ready = rig.engine.snapshot().rollback_target.ready;
        assert_eq!(ready, Some(phase == Phase::RollingBack), "{down:?} of b1 and b2 on two nodes");
        rig.worlds[CANDIDATE].errors = 1.0;
        rig.wait(6_000);
        assert_eq!(rig.engine.phase(), phase, "{down:?}\n{}", story(&rig));
    }
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
            Next(&[Fate::Late(3_000)]),
            Advance("alice"),
            Wait(100),
            Rollback("alice"),
            Refused("past the point of no return"),
        ],
    );
}

#[test]
fn past_the_point_of_no_return_the_panel_asks_for_the_name() {
    let steps = leaked(STEPS.replacen("bake = \"5s\"", "bake = \"5s\"\npoint_of_no_return = \"schema v43\"", 1));
    let plan = Sections { steps, ..MANUAL };
    assert!(!Rig::ready(&plan).engine.snapshot().rollback_target.needs_typing);
    assert!(Rig::at_first_step(&plan).engine.snapshot().rollback_target.needs_typing);
}

/// Another hand went where going back breaks something: `R` from there breaks it as well, and asks for the name.
#[test]
fn a_point_of_no_return_that_another_hand_passed_counts() {
    let steps = leaked(STEPS.replacen("hold = true", "hold = true\npoint_of_no_return = \"schema v43\"", 1));
    let plan = Sections { steps, ..MANUAL };
    let mut rig = Rig::at_first_step(&plan);
    for (permille, asks) in [(400, false), (500, true), (1000, true)] {
        let foreign = split(&rig.balancer.layout, permille);
        rig.balancer.land(&foreign);
        rig.wait(2_000);
        let snapshot = rig.engine.snapshot();
        assert_eq!((snapshot.rollback_target.needs_typing, snapshot.no_return.is_some()), (asks, asks), "{permille}");
        assert_eq!(snapshot.band.text.as_str().contains(":reassert"), !asks, "{permille}: {}", snapshot.band.text);
    }
    let refused = rig.roll_back("alice", None);
    assert!(format!("{refused:?}").contains("past the point of no return: schema v43"), "{refused:?}");
    assert_eq!(rig.writes.len(), 1);
    rig.roll_back("alice", Some("checkout"));
    rig.wait(8_000);
    assert_eq!(rig.balancer.share(), 0, "with the name it goes");
}

/// Before the first step `R` does nothing; afterwards it ends the run, also where everything is back already.
#[test]
fn a_rollback_that_would_do_nothing_is_said_to_be_idle() {
    let mut rig = Rig::ready(&MANUAL);
    assert!(rig.engine.snapshot().rollback_target.is_idle);
    assert!(format!("{:?}", rig.roll_back("alice", None)).contains("nothing to roll back"));
    rig.advance("alice");
    assert!(!rig.engine.snapshot().rollback_target.is_idle, "a write is under way");
    rig.wait(7_000);
    let back = split(&rig.balancer.layout, 0);
    rig.balancer.land(&back);
    rig.wait(2_000);
    assert!(!rig.engine.snapshot().rollback_target.is_idle);
    rig.roll_back("alice", None);
    assert_eq!(rig.engine.phase(), Phase::RollingBack);
}

#[test]
fn a_plan_that_says_manual_holds_instead() {
    let plan = Sections { more: "[rollback]\nautomatic = false\n", ..MANUAL };
    after_first_step(
        &plan,
        &[Errors(CANDIDATE, 1.0), Wait(8_000), Is(Phase::Held), Said("the plan says manual"), Sent(1, 0)],
    );
}

/// An override goes over this limit, too: it was answered, so it is done, and held again once it is reached.
#[test]
fn a_rollback_limit_without_automatic_rollback_can_be_overridden() {
    let plan = Sections { more: "[rollback]\nautomatic = false\n", ..MANUAL };
    after_first_step(
        &plan,
        &[
            Errors(CANDIDATE, 1.0),
            Wait(8_000),
            Is(Phase::Held),
            Override("alice", "checkout", "a known client"),
            Applied("10% → 50%"),
            Wait(3_000),
            Unsaid("50% was not sent"),
            Share(500),
            Is(Phase::Held),
            Said("AUTO-HOLD at 50%"),
        ],
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

/// The worst of several limits acts, whichever the plan names first; each change is told once.
#[test]
fn the_worst_of_several_limits_acts_and_each_change_is_told_once() {
    let memory = "[[guardrails]]\nreading = \"memory\"\nhold = \"90 %\"\nfor = \"0s\"\n";
    for limits in [format!("{LIMITS}{memory}"), format!("{memory}{LIMITS}")] {
        let mut rig = Rig::at_first_step(&Sections { limits: leaked(limits), ..MANUAL });
        rig.worlds[CANDIDATE].memory = Ok(0.95);
        rig.wait(3_000);
        assert_eq!(rig.engine.phase(), Phase::Held, "{}", story(&rig));
        assert!(rig.said("AUTO-HOLD at 10%: memory CANDIDATE GREEN 95.0% > 90.0%"), "{}", story(&rig));
        rig.worlds[CANDIDATE].memory = Ok(0.5);
        rig.wait(3_000);
        let told: Vec<_> = rig.lines().map(|line| (line.severity, line.text.to_string())).collect();
        let told: Vec<_> =
            told.iter().filter(|(_, text)| !text.contains("AUTO") && text.contains("CANDIDATE")).collect();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].0 == Severity::Critical && told[1].0 == Severity::Info, "{told:?}");
        assert!(told[1].1.starts_with("clear again: memory"), "{told:?}");
        assert!(!rig.said("for 0 s"));
        rig.worlds[CANDIDATE].memory = Ok(0.95);
        rig.worlds[CANDIDATE].errors = 1.0;
        rig.wait(6_000);
        assert_eq!(rig.engine.phase(), Phase::RollingBack, "{}", story(&rig));
    }
}

/// What only warns after it held is not a new warning; that it is clear again is.
#[test]
fn a_limit_that_eases_is_told_when_it_is_clear() {
    let mut rig = Rig::at_first_step(&MANUAL);
    for errors in [0.03, 0.015, 0.0] {
        rig.worlds[CANDIDATE].errors = errors;
        rig.wait(10_000);
    }
    let told = rig.lines().filter(|line| line.text.as_str().contains("5xx") && !line.text.as_str().contains("AUTO"));
    let told: Vec<_> = told.map(|line| line.severity).collect();
    assert_eq!(told, [Severity::Warn, Severity::Critical, Severity::Info], "{}", story(&rig));
}

/// A step under way is stopped by a limit, too; whoever overrode has seen it, and is held once the step is reached.
#[test]
fn a_limit_holds_a_step_under_way_unless_somebody_went_over_it() {
    let memory = "[[guardrails]]\nreading = \"memory\"\nhold = \"90 %\"\nfor = \"0s\"\n";
    let plan = Sections { limits: leaked(format!("{LIMITS}{memory}")), ..MANUAL };
    for overrides in [false, true] {
        let mut rig = Rig::at_first_step(&plan);
        rig.next_fates(&[Fate::Late(4_500)]);
        if overrides {
            rig.worlds[CANDIDATE].memory = Ok(0.95);
            rig.wait(2_000);
            assert_eq!(rig.engine.phase(), Phase::Held);
            rig.override_with("alice", "checkout", "a known leak");
        } else {
            rig.advance("alice");
            rig.worlds[CANDIDATE].memory = Ok(0.95);
        }
        rig.wait(2_000);
        let phase = if overrides { Phase::Shifting } else { Phase::Held };
        assert_eq!((rig.engine.phase(), rig.balancer.share()), (phase, 100), "{}", story(&rig));
        rig.wait(5_000);
        assert_eq!((rig.engine.phase(), rig.balancer.share()), (Phase::Held, 500), "{}", story(&rig));
        assert!(rig.said("candidate 50% read back"));
    }
}

/// A share of the traffic that does not arrive is no reading. An environment without a share is idle: the candidate
/// before its first step, also when that was missed; stable after the last, from the moment it is written.
#[test]
fn no_requests_hold_only_where_there_should_be_some() {
    after_first_step(&MANUAL, &[OwnRate(-20.0), Wait(16_000), Is(Phase::Held), Said("no requests")]);
    play(
        &MANUAL,
        &[
            Comes("alice"),
            OwnRate(0.0),
            Wait(10_000),
            Next(&[Fate::Lost]),
            Advance("alice"),
            Wait(15_000),
            Is(Phase::Held),
            Unsaid("no requests"),
            Resume("alice"),
            Applied("resumes"),
        ],
    );
    let of_stable = LIMITS.replacen("\"error_ratio\"", "\"error_ratio\"\nenvironment = \"stable\"", 1);
    let mut rig = Rig::at_first_step(&Sections { limits: leaked(of_stable), ..MANUAL });
    rig.worlds[Role::Stable].own_rate = 0.0;
    rig.advance("alice");
    rig.wait(8_000);
    rig.advance("alice");
    rig.wait(5);
    rig.balancer.dark.insert(0);
    rig.wait(15_000);
    assert_eq!((rig.engine.phase(), rig.balancer.share()), (Phase::Shifting, 1000), "{}", story(&rig));
    rig.balancer.dark.clear();
    rig.wait(15_000);
    assert_eq!(rig.engine.phase(), Phase::Complete, "{}", story(&rig));
}

/// Time alone is a reason to look at the limits: when everything falls silent, no reading comes to ask for it.
#[test]
fn silence_everywhere_is_blind_too() {
    let silent = |role| Metrics(role, Scraping::Silent);
    after_first_step(
        &MANUAL,
        &[silent(CANDIDATE), silent(Role::Stable), Wait(7_500), Is(Phase::Held), Said("AUTO-HOLD at 10%: BLIND")],
    );
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
    // There is nothing left to hold.
    let tells = [Errors(CANDIDATE, 0.03), Wait(10_000), Said("> 2.00% for"), Is(Phase::Complete)];
    play(&MANUAL, &[&to_the_end[..], &tells].concat());
    let watched = [Wait(61_000), Errors(CANDIDATE, 1.0), Wait(20_000), Is(Phase::Complete), Sent(3, 0)];
    play(&MANUAL, &[&to_the_end[..], &watched].concat());
}

/// Readings come every second; between two answers of its health nothing is missing.
#[test]
fn a_limit_on_health_acts_however_seldom_health_is_asked() {
    let limits = r#"
        [rollback]
        automatic = true
        [[guardrails]]
        reading = "unhealthy_for"
        roll_back = "5s"
        for = "15s"
    "#;
    let mut rig = Rig::at_first_step(&Sections { limits, health: "10s", ..MANUAL });
    rig.worlds[CANDIDATE].health = Some(warroom::engine::Health::Failing("503".into()));
    rig.wait(6_100);
    assert!(rig.engine.snapshot().band.text.as_str().contains("UNHEALTHY 0s"), "it has just answered");
    // Five to be over the limit, and fifteen over it.
    rig.wait(19_500);
    assert_eq!(rig.sent(Direction::Back), 0, "{}", story(&rig));
    rig.wait(1_500);
    assert_eq!((rig.engine.phase(), rig.sent(Direction::Back)), (Phase::RollingBack, 1), "{}", story(&rig));
}

/// What nobody can read any more is not clear; a side that is sent nothing is idle.
#[test]
fn a_limit_that_can_no_longer_be_told_is_not_clear() {
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.worlds[CANDIDATE].errors = 0.015;
    rig.wait(8_000);
    // Of its 20 requests a second two are left.
    rig.worlds[CANDIDATE].own_rate = -18.0;
    rig.wait(10_000);
    let told: Vec<_> = rig.lines().filter(|line| line.text.as_str().contains("can no longer be told")).collect();
    let words = "5xx CANDIDATE GREEN can no longer be told: too few requests";
    assert!(told.len() == 1 && told[0].text.as_str().starts_with(words), "{}", story(&rig));
    assert_eq!((told[0].severity, rig.said("clear again")), (Severity::Warn, false), "{}", story(&rig));

    let stable =
        "[[guardrails]]\nreading = \"error_ratio\"\nenvironment = \"stable\"\nminimum_requests = 20\nwarn = \"1 %\"\n";
    let steps = "[[steps]]\nsplit = \"100 %\"\nbake = \"5s\"\n";
    let mut rig = Rig::ready(&Sections { limits: leaked(format!("{LIMITS}{stable}")), steps, ..MANUAL });
    rig.worlds[Role::Stable].errors = 0.015;
    rig.wait(8_000);
    rig.advance("alice");
    rig.wait(8_000);
    assert!(rig.said("5xx STABLE: idle without traffic"), "{}", story(&rig));
    assert!(!rig.said("can no longer be told"), "{}", story(&rig));
}

/// What a person holds is theirs: a limit that may not roll back holds nothing a second time.
#[test]
fn a_limit_that_may_not_roll_back_takes_no_hold_from_a_person() {
    let mut rig = Rig::at_first_step(&Sections { more: "[rollback]\nautomatic = false\n", ..MANUAL });
    rig.ask_for("alice", Command::Hold);
    rig.worlds[CANDIDATE].errors = 0.5;
    rig.wait(2_000);
    let band = rig.engine.snapshot().band.text;
    assert!(!band.as_str().contains("holds"), "nor is it said to come: {band}");
    rig.wait(10_000);
    assert!(rig.said("> 5.00%"), "{}", story(&rig));
    let held = rig.engine.snapshot().held.expect("held");
    assert_eq!((held.by.as_str(), rig.sent(Direction::Back)), ("alice", 0), "{}", story(&rig));
}
