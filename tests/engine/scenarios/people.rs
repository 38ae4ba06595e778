//! Who may do what, who may do it twice, and whose approval is whose.

use crate::engine::balancer::{Fate, split};
use crate::engine::plans::{MANUAL, NODES, STEPS, Sections};
use crate::engine::rig::Rig;
use crate::engine::script::Act::*;
use crate::engine::script::{play, refusal, story};
use std::time::Duration;
use warroom::domain::{Person, Rights, Role};
use warroom::engine::{ANSWERS_MAX, Answer, Command, Direction, Event, Fact, Health, Phase};

/// The second step needs an approval.
fn with_approval() -> Sections {
    let steps = STEPS.replacen("split = \"50 %\"", "split = \"50 %\"\napproval = \"decision authority\"", 1);
    let steps = steps.replacen("split = \"100 %\"", "split = \"100 %\"\napproval = \"decision authority\"", 1);
    Sections { steps: Box::leak(steps.into_boxed_str()), ..MANUAL }
}

fn every_command(generation: u64) -> Vec<Command> {
    vec![
        Command::Advance { generation, over: None },
        Command::Resume { generation },
        Command::Hold,
        Command::Rollback { reason: None, typed: Some("checkout".into()) },
        Command::Take,
        Command::Approve,
        Command::Adopt,
        Command::Complete,
        Command::SendAgain,
        Command::Suspend { lasting: Duration::from_mins(1), reason: "x".into() },
        Command::Unsuspend,
        Command::RunHook { hook: "smoke".into() },
        Command::StopHook { hook: "smoke".into() },
        Command::Note { text: "x".into() },
        Command::End,
    ]
}

#[test]
fn read_only_is_refused_everything_and_told_whom_to_ask() {
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.come_as("carol", Rights::ReadOnly);
    let before = rig.engine.phase();
    for index in 0..every_command(0).len() {
        let command = every_command(rig.generation()).swap_remove(index);
        let answer = rig.request(1_000 + index as u64, &Person::verified("carol"), Rights::ReadOnly, command);
        assert!(refusal(&answer).contains("read-only console: ask alice"), "{answer:?}");
    }
    rig.wait(2_000);
    assert_eq!((rig.engine.phase(), rig.sent(Direction::Forward), rig.sent(Direction::Back)), (before, 1, 0));
}

#[test]
fn a_read_only_console_gets_no_seat() {
    let mut rig = Rig::new(&MANUAL);
    rig.come_as("carol", Rights::ReadOnly);
    assert_eq!(rig.engine.snapshot().people.driver, None);
    rig.come("alice");
    assert_eq!(rig.engine.snapshot().people.driver, Some(Person::verified("alice")));
}

#[test]
fn only_the_driver_goes_forward_and_the_seat_can_be_taken() {
    play(
        &MANUAL,
        &[
            Comes("alice"),
            Comes("bob"),
            Wait(3_000),
            Advance("bob"),
            Refused("alice drives: only the driver may advance"),
            Take("bob"),
            Applied("bob takes control from alice"),
            Advance("alice"),
            Refused("bob drives"),
            Advance("bob"),
            Wait(1_000),
            Share(100),
            Take("bob"),
            Applied("you drive already"),
            Hold("alice"),
            Applied("holding at 10%"),
            Resume("alice"),
            Refused("only the driver may resume"),
            Rollback("alice"),
            Applied("rolling back"),
        ],
    );
}

#[test]
fn the_seat_belongs_to_the_name_and_outlives_its_consoles() {
    play(
        &MANUAL,
        &[
            Comes("alice"),
            Wait(3_000),
            Leaves("alice"),
            Comes("bob"),
            Advance("bob"),
            Refused("alice drives"),
            Comes("alice"),
            Advance("alice"),
            Wait(1_000),
            Share(100),
        ],
    );
}

#[test]
fn a_step_that_needs_approval_waits_for_somebody_else() {
    play(
        &with_approval(),
        &[
            Comes("alice"),
            Comes("bob"),
            Wait(3_000),
            Approve("bob"),
            Refused("the next step needs no approval"),
            Advance("alice"),
            Wait(8_000),
            Locked("approval", "decision authority must approve 50%"),
            Approve("alice"),
            Refused("the driver cannot approve their own step"),
            Override("alice", "checkout", "no time"),
            Refused("approval"),
            Approve("bob"),
            Applied("bob approves 50% as decision authority"),
            Advance("alice"),
            Wait(8_000),
            Share(500),
            // What was approved was 50 %, and nothing beyond.
            Locked("approval", "must approve 100%"),
            Advance("alice"),
            Refused("approval"),
            Share(500),
        ],
    );
}

#[test]
fn an_approval_ends_with_what_it_was_given_for() {
    play(
        &with_approval(),
        &[
            Comes("alice"),
            Comes("bob"),
            Wait(3_000),
            Advance("alice"),
            Wait(8_000),
            Approve("bob"),
            Open("approval"),
            // Somebody moves the split; what bob looked at is no longer so.
            Foreign(300),
            Wait(2_000),
            Adopt("alice"),
            Wait(8_000),
            Locked("approval", "must approve 50%"),
        ],
    );
}

/// Two people, also when the approver takes the seat afterwards: nobody moves on their own approval.
#[test]
fn an_approver_who_takes_the_seat_does_not_go_on_their_own_approval() {
    let mut rig = Rig::ready(&with_approval());
    rig.come("bob");
    rig.advance("alice");
    rig.wait(8_000);
    rig.ask_for("bob", Command::Approve);
    rig.ask_for("bob", Command::Take);
    let answer = rig.advance("bob");
    rig.wait(1_000);
    assert_eq!(rig.balancer.share(), 100, "bob moved on bob's approval alone: {answer:?}\n{}", story(&rig));
}

#[test]
fn where_the_plan_asks_for_another_user_another_name_is_not_enough() {
    let plan = Sections { more: "[access]\napprover_is_another_user = true\n", ..with_approval() };
    let mut rig = Rig::ready(&plan);
    rig.advance("alice");
    rig.wait(8_000);
    let bob = Person::claimed("bob", "alice");
    let answer = rig.request(901, &bob, Rights::Full, Command::Approve);
    assert!(refusal(&answer).contains("another user than the driver's (alice)"));
    let answer = rig.request(902, &Person::claimed("bob", "root"), Rights::Full, Command::Approve);
    assert!(matches!(answer, Answer::Applied(_)), "{answer:?}");
}

/// The machine's directory may be slow for a moment: whoever comes then has a number and no login.
#[test]
fn four_eyes_and_the_seat_go_by_the_user_and_not_by_how_it_was_called_at_that_moment() {
    for more in ["", "[access]\napprover_is_another_user = true\n"] {
        let mut rig = Rig::new(&Sections { more, ..with_approval() });
        let alice = Person::verified("alice").with_uid(1000);
        let nameless = |uid: u32| Person::verified(format!("uid {uid}").as_str()).with_uid(uid);
        let comes = |console, by: &Person| Event::ConsoleCame { console, by: by.clone(), rights: Rights::Full };
        rig.feed(comes(1, &alice));
        rig.wait(3_000);
        let advance = |rig: &mut Rig, id, by: &Person| {
            let generation = rig.generation();
            rig.request(id, by, Rights::Full, Command::Advance { generation, over: None })
        };
        let answer = advance(&mut rig, 900, &alice);
        assert!(matches!(answer, Answer::Applied(_)), "{answer:?}");
        rig.wait(8_000);
        let answer = rig.request(901, &nameless(1000), Rights::Full, Command::Approve);
        assert!(refusal(&answer).contains("the driver cannot approve their own step"), "{answer:?}");
        // She comes again in that moment, and drives still.
        rig.feed(Event::ConsoleWent { console: 1 });
        rig.feed(comes(2, &nameless(1000)));
        assert!(rig.engine.snapshot().people.driver_here, "{}", story(&rig));
        let answer = rig.request(902, &nameless(1001), Rights::Full, Command::Approve);
        assert!(matches!(answer, Answer::Applied(_)), "{answer:?}");
        let answer = advance(&mut rig, 903, &nameless(1001));
        assert!(refusal(&answer).contains("alice drives"), "{answer:?}");
        let answer = advance(&mut rig, 904, &nameless(1000));
        assert!(matches!(answer, Answer::Applied(_)), "{answer:?}");
    }
}

#[test]
fn the_same_command_twice_is_once() {
    let mut rig = Rig::at_first_step(&MANUAL);
    let alice = Person::verified("alice");
    let command = Command::Advance { generation: rig.generation(), over: None };
    let first = rig.request(500, &alice, Rights::Full, command.clone());
    assert!(matches!(first, Answer::Applied(_)), "{first:?}");
    rig.wait(8_000);
    assert_eq!(rig.request(500, &alice, Rights::Full, command), first);
    rig.wait(8_000);
    assert_eq!((rig.sent(Direction::Forward), rig.balancer.share()), (2, 500));

    let back = Command::Rollback { reason: None, typed: None };
    assert!(matches!(rig.request(501, &alice, Rights::Full, back.clone()), Answer::Applied(_)));
    assert!(matches!(rig.request(501, &alice, Rights::Full, back), Answer::Applied(_)));
    rig.wait(8_000);
    assert_eq!(rig.sent(Direction::Back), 1);
    assert_eq!(rig.noted(|fact| matches!(fact, Fact::RollbackAccepted { .. })), 1);
}

/// A console that lost the answer asks under the same number, perhaps much later, or with the name that was asked for.
#[test]
fn a_rollback_is_not_answered_by_what_was_so_before() {
    let alice = Person::verified("alice");
    let back = |typed: Option<&str>| Command::Rollback { reason: None, typed: typed.map(str::to_owned) };
    let mut rig = Rig::ready(&MANUAL);
    let nothing = rig.request(501, &alice, Rights::Full, back(None));
    assert!(matches!(&nothing, Answer::Applied(words) if words.as_str().starts_with("nothing to roll back")));
    rig.advance("alice");
    rig.wait(7_000);
    rig.worlds[Role::Stable].health = Some(Health::Failing("503".into()));
    rig.wait(12_000);
    assert!(matches!(rig.request(501, &alice, Rights::Full, back(None)), Answer::Refused(_)), "the name is asked for");
    let going = rig.request(501, &alice, Rights::Full, back(Some("checkout")));
    assert!(matches!(going, Answer::Applied(_)), "{going:?}");
    assert_eq!(rig.engine.phase(), Phase::RollingBack);
    assert_eq!(rig.engine.snapshot().violation, None);
}

/// Remembered for so many commands as the limit says, and no longer.
#[test]
fn an_answer_is_remembered_until_many_others_came() {
    let mut rig = Rig::ready(&MANUAL);
    let alice = Person::verified("alice");
    let mut note = |id: u64| {
        rig.request(id, &alice, Rights::Full, Command::Note { text: format!("note {id}").as_str().into() });
        rig.lines().filter(|line| line.text.as_str().ends_with("note 1000")).count()
    };
    for id in 1000..1000 + ANSWERS_MAX as u64 {
        note(id);
    }
    assert_eq!(note(1000), 1, "the oldest of them is still known");
    note(2000);
    assert_eq!(note(1000), 2);
}

/// An id is "the sender's name for it": another sender's command under the same number is another command,
/// and a rollback must not be swallowed by somebody's note.
#[test]
fn the_same_number_from_somebody_else_is_another_command() {
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.come("bob");
    rig.request(500, &Person::verified("alice"), Rights::Full, Command::Note { text: "looks fine".into() });
    let back = Command::Rollback { reason: None, typed: None };
    rig.request(500, &Person::verified("bob"), Rights::Full, back);
    assert_eq!(rig.engine.phase(), Phase::RollingBack);
}

/// A person's login is data: one whose login is the keeper's own name drives like anybody.
#[test]
fn a_person_whose_login_is_warroom_may_go_on_from_a_hold_point() {
    let mut rig = Rig::new(&MANUAL);
    rig.come("warroom");
    rig.wait(3_000);
    for share in [100, 500, 1000] {
        rig.advance("warroom");
        rig.wait(8_000);
        assert_eq!(rig.balancer.share(), share, "{}", story(&rig));
    }
    assert_eq!(rig.engine.snapshot().violation, None);
}

#[test]
fn two_people_press_advance_and_one_wins() {
    let mut rig = Rig::at_first_step(&MANUAL);
    let generation = rig.generation();
    let command = Command::Advance { generation, over: None };
    let first = rig.request(500, &Person::verified("alice"), Rights::Full, command.clone());
    let second = rig.request(501, &Person::verified("alice"), Rights::Full, command);
    assert!(matches!(first, Answer::Applied(_)), "{first:?}");
    assert!(matches!(second, Answer::Late(_)), "{second:?}");
    rig.wait(8_000);
    assert_eq!(rig.balancer.share(), 500);
}

#[test]
fn every_refusal_is_in_the_log() {
    let mut rig = Rig::ready(&MANUAL);
    rig.come("bob");
    rig.advance("bob");
    assert!(rig.said("bob advance: refused: alice drives"));
}

#[test]
fn a_note_is_taken_also_after_the_end() {
    let mut rig = Rig::ready(&MANUAL);
    rig.ask_for("alice", Command::End);
    let answer = rig.ask_for("alice", Command::Note { text: "went well".into() });
    assert_eq!(answer, Answer::Applied("noted".into()));
    assert!(rig.said("alice: went well"));
}

#[test]
fn an_override_over_a_hold_waits_for_the_write_that_is_under_way() {
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.wait(6_000);
    rig.next_fates(&[Fate::Late(4_000)]);
    rig.advance("alice");
    rig.wait(2_000);
    rig.ask_for("alice", Command::Hold);
    let refused = format!("{:?}", rig.override_with("alice", "checkout", "because"));
    assert!(refused.contains("a shift is under way") && rig.engine.phase() == Phase::Held, "{refused}");
    assert_eq!(rig.sent(Direction::Forward), 2, "{}", story(&rig));
}

#[test]
fn an_override_that_cannot_be_set_leaves_the_hold() {
    let mut rig = Rig::at_first_step(&NODES);
    rig.ask_for("alice", Command::Hold);
    rig.balancer.down.extend(["g1".to_owned(), "g2".to_owned()]);
    rig.wait(2_000);
    let refused = format!("{:?}", rig.override_with("alice", "checkout", "because"));
    assert!(refused.contains("no candidate server is up"), "{refused}");
    assert_eq!(rig.engine.phase(), Phase::Held, "{}", story(&rig));
}

/// Whoever leaves hears what waits for them, and of nothing that does not.
#[test]
fn nothing_waits_for_a_driver_who_leaves_where_nothing_goes_on_by_itself() {
    let waits = "alice left; automatic advance waits for the driver";
    for (advance, goes_back, is_told) in
        [("automatic", false, true), ("automatic", true, false), ("manual", false, false)]
    {
        let mut rig = Rig::ready(&Sections { advance, ..MANUAL });
        rig.advance("alice");
        rig.wait(2_000);
        if goes_back {
            rig.roll_back("alice", None);
        }
        rig.leave("alice");
        assert_eq!((rig.said(waits), rig.said("alice left")), (is_told, true), "{}", story(&rig));
    }
    let steps = "[[steps]]\nsplit = \"100 %\"\nbake = \"5s\"\n";
    let mut rig = Rig::ready(&Sections { advance: "automatic", steps, ..MANUAL });
    rig.advance("alice");
    rig.wait(8_000);
    assert_eq!(rig.engine.phase(), Phase::Complete, "{}", story(&rig));
    rig.leave("alice");
    assert!(!rig.said("automatic advance waits"), "{}", story(&rig));
}

/// At a setting of somebody else's nobody is told that it is this run's.
#[test]
fn what_a_rollback_met_is_not_completed_and_says_so() {
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.roll_back("alice", None);
    rig.wait(1_000);
    assert_eq!(
        refusal(&rig.ask_for("alice", Command::Complete)),
        "a rollback was accepted: it goes to its end by itself"
    );
    let foreign = split(&rig.balancer.layout, 300);
    rig.balancer.land(&foreign);
    rig.wait(1_000);
    let why = refusal(&rig.ask_for("alice", Command::Complete));
    assert_eq!(why, "somebody else's setting met the rollback: :sendagain or :adopt");
}

/// The reason is the reason, also under the next keeper; where an older one wrote none down, its line has it.
#[test]
fn a_suspensions_reason_outlives_its_keeper() {
    for is_old in [false, true] {
        let mut rig = Rig::at_first_step(&MANUAL);
        let command = Command::Suspend { lasting: Duration::from_secs(600), reason: "load test".into() };
        rig.ask_for("alice", command);
        rig.wait(100);
        let mut entries = rig.entries.clone();
        for entry in &mut entries {
            if let Fact::Suspended { reason, .. } = &mut entry.fact {
                *reason = reason.take().filter(|_| !is_old);
            }
        }
        rig.restart_from(&entries);
        let reason = rig.engine.snapshot().suspended.expect("it goes on").1.to_string();
        assert_eq!((reason == "load test", reason.ends_with(": load test")), (!is_old, is_old), "{reason}");
    }
}
