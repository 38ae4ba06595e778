//! A direct rollback on the desk: how far it is, and when it is over.

use crate::sitting::{Sitting, baking, rolling_back, target_not_ready};
use crossterm::event::KeyModifiers;
use warroom::console::desk::direct::Standing;
use warroom::console::desk::{Act, Input};
use warroom::domain::{Clean, Mono};
use warroom::engine::{Answer, Command};

/// The keeper is gone, and `R` `y` went from here.
fn going() -> Sitting {
    let mut sitting = Sitting::baking();
    sitting.is_heard = false;
    sitting.input(Input::Linked(false));
    sitting.press('R');
    sitting.after(500);
    sitting.press('y');
    assert_eq!(sitting.directs(), 1);
    sitting
}

fn says(sitting: &mut Sitting, lines: &[&str]) {
    for line in lines {
        sitting.input(Input::Direct((*line).to_owned()));
    }
}

/// The keeper is there again and speaks, a second later.
fn comes_back(sitting: &mut Sitting) {
    sitting.input(Input::Linked(true));
    sitting.is_heard = true;
    sitting.after(1000);
    sitting.input(Input::Heard);
}

fn title(sitting: &Sitting) -> String {
    sitting.desk.title(sitting.status.as_ref(), sitting.now).to_string()
}

const CONFIRMED: [&str; 3] =
    ["candidate 0% read back +0.4 s; confirming over 5 s", "rollback confirmed +5.1 s: new traffic is on BLUE", "done"];

/// A rollback is never blocked: the next one is the keeper's.
#[track_caller]
fn goes_through_the_keeper(sitting: &mut Sitting) {
    sitting.press('R');
    assert!(sitting.is_armed(), "a rollback is never blocked");
    sitting.after(500);
    sitting.press('y');
    assert_eq!((sitting.sent(), sitting.directs()), (1, 1), "by the keeper, which is there");
}

/// The supervisor started the keeper again: what failed before is an outcome, and no state.
#[test]
fn one_that_failed_is_over_once_the_keeper_is_back() {
    let mut sitting = going();
    says(&mut sitting, &["the balancer does not answer", "ended: exit status: 3"]);
    assert!(title(&sitting).starts_with("DIRECT ROLLBACK FAILED"), "{}", title(&sitting));
    comes_back(&mut sitting);
    assert_eq!(sitting.desk.direct, None);
    assert!(!title(&sitting).contains("DIRECT"), "{}", title(&sitting));
    let outcome = sitting.desk.last_outcome.as_ref().map_or("", Clean::as_str);
    assert!(outcome.starts_with("direct rollback FAILED"), "{outcome}");
    // Gone once more it is the keeper that is gone.
    sitting.input(Input::Linked(false));
    assert!(title(&sitting).starts_with("KEEPER GONE"), "{}", title(&sitting));
    sitting.press('R');
    assert!(sitting.is_armed());
}

/// What the keeper said before it fell silent is older than the failure.
#[test]
fn a_keeper_that_has_not_spoken_since_leaves_it_as_it_is() {
    let mut sitting = Sitting::baking();
    sitting.is_heard = false;
    sitting.press('R');
    sitting.after(500);
    sitting.press('y');
    sitting.after(1000);
    says(&mut sitting, &["ended: exit status: 3"]);
    sitting.after(1000);
    assert!(!sitting.desk.is_cut_off(sitting.now), "a second and a half is no silence yet");
    assert!(sitting.desk.direct.is_some());
}

/// No tombstone could be left: the keeper came back knowing of nothing, and somebody went on.
#[test]
fn one_that_was_confirmed_is_over_once_the_keeper_has_read_the_balancer_since() {
    let mut sitting = going();
    says(&mut sitting, &CONFIRMED);
    sitting.press('R');
    assert!(!sitting.is_armed(), "it is done");
    let read = |sitting: &mut Sitting, at: Option<Mono>| {
        if let Some(status) = &mut sitting.status {
            status.snapshot.balancer_at = at;
        }
    };
    read(&mut sitting, None);
    comes_back(&mut sitting);
    assert!(sitting.desk.direct.is_some(), "nothing newer is known of the balancer");
    let now = sitting.now;
    read(&mut sitting, Some(now));
    sitting.after(1000);
    assert_eq!(sitting.desk.direct, None);
    goes_through_the_keeper(&mut sitting);
}

/// The keeper followed the tombstone: there the two stand beside each other.
#[test]
fn one_that_the_keeper_follows_stays_beside_it() {
    let mut sitting = going();
    says(&mut sitting, &CONFIRMED);
    sitting.status = Some(rolling_back().clone());
    comes_back(&mut sitting);
    assert!(sitting.desk.direct.is_some());
}

/// On AWS the window is a minute: all that time it is on its way, and nobody must doubt it.
#[test]
fn one_that_is_read_back_is_unknown_only_after_the_window() {
    let mut sitting = going();
    let standing = |sitting: &Sitting| sitting.desk.direct.as_ref().map(|direct| direct.standing(sitting.now));
    sitting.after(4_000);
    says(&mut sitting, &["candidate 0% read back +4.0 s; confirming over 60 s"]);
    sitting.after(64_000);
    assert_eq!(standing(&sitting), Some(Standing::Running), "{}", title(&sitting));
    sitting.after(1_000);
    assert_eq!(standing(&sitting), Some(Standing::Unknown), "{}", title(&sitting));
    // Read back no longer there is nothing that it could be confirmed by.
    let mut sitting = going();
    says(&mut sitting, &["candidate 0% read back +0.4 s; confirming over 60 s"]);
    sitting.after(5_000);
    assert_eq!(standing(&sitting), Some(Standing::Running));
    let undone =
        "an earlier setting of this run is back on the balancer (blue 90 green 10); sending the rollback again";
    says(&mut sitting, &[undone]);
    assert_eq!(standing(&sitting), Some(Standing::Unknown));
}

/// Before it has ended nothing that the keeper says makes it over.
#[test]
fn one_under_way_stays() {
    let mut sitting = going();
    says(&mut sitting, &["rolling back to BLUE v2.0.5"]);
    comes_back(&mut sitting);
    sitting.after(60_000);
    assert!(title(&sitting).starts_with("ROLLING BACK DIRECTLY"), "{}", title(&sitting));
}

/// It goes on for ever, without credentials say, and the keeper that is there again knows nothing of it.
#[test]
fn one_that_never_ends_does_not_keep_r_from_a_keeper_that_is_back() {
    let mut sitting = going();
    says(&mut sitting, &["rolling back to BLUE v2.0.5", "rollback attempt 1 failed: no credentials; still trying"]);
    sitting.after(10_000);
    sitting.press('R');
    assert!(!sitting.is_armed(), "nobody else is there");
    comes_back(&mut sitting);
    goes_through_the_keeper(&mut sitting);
}

#[test]
fn one_under_way_is_waited_for_beside_a_keeper_that_is_back() {
    let mut sitting = going();
    says(&mut sitting, &["rolling back to BLUE v2.0.5"]);
    comes_back(&mut sitting);
    sitting.press('R');
    assert!(!sitting.is_armed(), "it may be confirmed any moment");
}

const FOREIGN: &str = "FOREIGN: somebody else set blue 70, green 30; nothing is sent over it; \
                       stopped (Ctrl-C) and begun again it is sent over it";

/// The keeper that is back has read the balancer since: what stopped is an outcome, and its process ends.
#[test]
fn one_that_stopped_is_over_once_the_keeper_has_read_the_balancer_since() {
    let mut sitting = going();
    says(&mut sitting, &[FOREIGN]);
    assert!(!sitting.acts.contains(&Act::EndDirect));
    comes_back(&mut sitting);
    assert_eq!(sitting.desk.direct, None);
    assert!(sitting.acts.contains(&Act::EndDirect));
    let outcome = sitting.desk.last_outcome.as_ref().map_or("", Clean::as_str);
    assert!(outcome.starts_with("direct rollback STOPPED"), "{outcome}");
}

/// Nobody would see it any more. One that goes on does so without its console.
#[test]
fn one_that_stopped_ends_with_its_console() {
    let mut sitting = going();
    assert_eq!(sitting.desk.leave("left", sitting.now), []);
    says(&mut sitting, &[FOREIGN]);
    assert_eq!(sitting.desk.leave("left", sitting.now), [Act::EndDirect]);
}

/// It found nothing to do, and since then somebody may have done something.
#[test]
fn one_that_had_nothing_to_do_does_not_block_the_next() {
    let mut sitting = going();
    says(&mut sitting, &["nothing to roll back: everything is on BLUE", "done"]);
    sitting.press('R');
    assert!(sitting.is_armed());
}

/// Another hand set something while it was to be confirmed: its process sends nothing more, and only a person can say
/// that it is to be sent over.
#[test]
fn one_that_stopped_at_somebody_elses_setting_is_sent_over_it_with_r_and_y() {
    let mut sitting = going();
    says(&mut sitting, &["rolling back to BLUE v2.0.5", CONFIRMED[0]]);
    sitting.after(6000);
    sitting.press('R');
    assert!(!sitting.is_armed(), "it goes on by itself");
    says(&mut sitting, &[FOREIGN]);
    let outcome = sitting.desk.last_outcome.as_ref().map_or("", Clean::as_str);
    assert!(outcome.starts_with("direct rollback STOPPED: FOREIGN"), "{outcome}");
    assert!(!outcome.contains("Ctrl-C"), "Ctrl-C here does not reach it: {outcome}");
    sitting.press('R');
    assert!(sitting.is_armed());
    sitting.after(500);
    sitting.press('y');
    assert_eq!(sitting.directs(), 2);
    let over = |act: &&Act| matches!(act, Act::RollBackDirectly { sends_over: true, .. });
    assert_eq!(sitting.acts.iter().filter(over).count(), 1, "only the second one");
    assert!(title(&sitting).starts_with("ROLLING BACK DIRECTLY"), "{}", title(&sitting));
}

#[test]
fn one_that_goes_on_after_a_foreign_setting_is_under_way_again() {
    for goes_on in [CONFIRMED[0], "an earlier setting of this run is back on the balancer; sending the rollback again"]
    {
        let mut sitting = going();
        says(&mut sitting, &["FOREIGN: somebody else set green 30; nothing is sent over it", goes_on]);
        assert!(title(&sitting).starts_with("ROLLING BACK DIRECTLY"), "{goes_on}: {}", title(&sitting));
    }
}

/// Past a point of no return the process asks for the service's name, which no picture here tells.
#[test]
fn one_that_was_refused_for_the_name_gets_it() {
    let refusals = [
        "past the point of no return: old clients lose orders; type \"checkout\" to roll back all the same",
        "the typed name is not \"checkout\"",
    ];
    for (status, refusal) in [(None, refusals[0]), (None, refusals[1]), (Some(baking().clone()), refusals[0])] {
        let mut sitting = going();
        sitting.status = status;
        says(&mut sitting, &["refused:", &format!("  {refusal}"), "ended: exit status: 1"]);
        let newest = sitting.desk.direct.as_ref().and_then(|direct| direct.lines.last().cloned());
        assert_eq!(newest.as_ref().map(Clean::as_str), Some(refusal), "why, and not how its process ended");
        sitting.press('R');
        sitting.after(500);
        sitting.press('\n');
        assert_eq!((sitting.directs(), sitting.is_armed()), (1, true), "a name must be typed");
        sitting.type_text("checkout\n");
        let typed = |act: &Act| matches!(act, Act::RollBackDirectly { typed: Some(name), .. } if name == "checkout");
        assert!(sitting.acts.last().is_some_and(typed), "{:?}", sitting.acts.last());
        assert_eq!(sitting.directs(), 2);
    }
}

#[test]
fn how_a_process_ended_is_told_where_it_said_nothing_itself() {
    for (lines, newest) in [
        (vec!["ended: exit status: 3"], "ended: exit status: 3"),
        (vec!["the balancer does not answer", "ended: exit status: 3"], "the balancer does not answer"),
        (vec!["rolling back to BLUE", "ended: signal: 9 (SIGKILL)"], "ended: signal: 9 (SIGKILL)"),
    ] {
        let mut sitting = going();
        says(&mut sitting, &lines);
        let outcome = sitting.desk.last_outcome.as_ref().map_or("", Clean::as_str);
        assert_eq!(outcome, format!("direct rollback FAILED: {newest}"));
    }
}

/// Its frame may lie in the socket of a keeper that hangs: whoever leaves within the second must not take it away.
#[test]
fn a_rollback_that_nobody_acknowledged_goes_directly_when_the_console_is_left() {
    for (status, typed, keys) in [(baking(), None, "y"), (target_not_ready(), Some("checkout"), "checkout\n")] {
        let mut sitting = Sitting::at(status);
        sitting.press('R');
        sitting.after(500);
        sitting.type_text(keys);
        assert_eq!((sitting.sent(), sitting.directs()), (1, 0));
        let acts = sitting.desk.leave("left", sitting.now);
        assert_eq!(acts, [Act::RollBackDirectly { typed: typed.map(str::to_owned), sends_over: false }]);
        assert_eq!(sitting.desk.leave("left", sitting.now), [], "once");
    }
}

/// A keeper that wakes up refuses the first for want of the name; that is no answer to the one that has it.
#[test]
fn one_with_the_name_is_not_answered_by_what_befell_the_one_without() {
    let mut sitting = Sitting::baking();
    sitting.press('R');
    sitting.after(500);
    sitting.press('y');
    let Some(Act::Send(first, _)) = sitting.acts.last().cloned() else { panic!("{:?}", sitting.acts) };
    sitting.after(1_100);
    assert_eq!(sitting.directs(), 1, "the keeper does not answer");
    let refusal = "past the point of no return: old clients lose orders; type \"checkout\" to roll back all the same";
    says(&mut sitting, &["refused:", &format!("  {refusal}"), "ended: exit status: 1"]);
    sitting.press('R');
    sitting.after(500);
    sitting.press('\n');
    sitting.type_text("checkout\n");
    let Some(Act::Send(second, Command::Rollback { typed: Some(_), .. })) = sitting.acts.last().cloned() else {
        panic!("{:?}", sitting.acts)
    };
    assert_ne!(first, second);
    sitting.input(Input::Answered(first, Answer::Refused(vec![Clean::new(refusal)])));
    assert!(sitting.desk.awaits_rollback());
    sitting.input(Input::Answered(second, Answer::Applied(Clean::new("rolling back to BLUE v2.0.5"))));
    assert!(!sitting.desk.awaits_rollback());
}

#[test]
fn a_rollback_that_was_acknowledged_is_the_keepers_when_the_console_is_left() {
    let mut sitting = Sitting::baking();
    assert_eq!(sitting.desk.leave("left", sitting.now), [], "none was asked for");
    sitting.press('R');
    sitting.after(500);
    sitting.press('y');
    let Some(Act::Send(id, _)) = sitting.acts.last().cloned() else { panic!("{:?}", sitting.acts) };
    sitting.input(Input::Answered(id, Answer::Applied(Clean::new("rolling back to BLUE v2.0.5"))));
    assert_eq!(sitting.desk.leave("left", sitting.now), []);
}

#[test]
fn whoever_leaves_before_the_answer_is_told_what_that_comes_to() {
    for by in ['q', '\x03'] {
        let mut sitting = Sitting::baking();
        sitting.press('R');
        sitting.after(500);
        sitting.press('y');
        if by == 'q' {
            sitting.press('q');
        } else {
            sitting.with('c', KeyModifiers::CONTROL);
        }
        assert_eq!(sitting.quits(), 0);
        assert!(sitting.flash().contains("again quits and rolls back DIRECTLY"), "{}", sitting.flash());
    }
}

/// Whoever hammers at a keeper that hangs must not put off the moment at which it goes directly.
#[test]
fn asked_for_again_it_still_goes_directly_a_second_after_the_first() {
    let mut sitting = Sitting::baking();
    let ask = |sitting: &mut Sitting| {
        sitting.press('R');
        sitting.after(450);
        sitting.press('y');
    };
    ask(&mut sitting);
    for _ in 0..2 {
        ask(&mut sitting);
        assert_eq!(sitting.directs(), 0);
    }
    assert_eq!(sitting.sent(), 3);
    sitting.after(150);
    assert_eq!(sitting.directs(), 1);
}

/// An error quotes what the balancer answered, whatever that is.
#[test]
fn an_error_that_quotes_its_words_is_none_of_them() {
    let answer = "candidate 0% read back +0.4 s; confirming over 5 s";
    for quoted in [answer, CONFIRMED[1], "sending the rollback again", "the typed name is not \"checkout\""] {
        let mut sitting = going();
        let error = format!("rollback attempt 1: POST /api/traffic answers 500: {quoted}");
        says(&mut sitting, &["rolling back to BLUE v2.0.5", answer, &error]);
        let observed = sitting.desk.direct.as_ref().and_then(|direct| direct.observed);
        assert_eq!(observed, Some(sitting.now), "{quoted}");
        let mut sitting = going();
        says(&mut sitting, &["rolling back to BLUE v2.0.5", &error]);
        let direct = sitting.desk.direct.as_ref().expect("one");
        assert_eq!((direct.observed, direct.confirmed, direct.wants_name), (None, None, false), "{quoted}");
    }
}
