//! The band: one sentence that says what is so, why, and what comes next without anybody's doing.

use crate::engine::balancer::split;
use crate::engine::plans::{HOOKS, LIMITS, MANUAL, NODES, STEPS, Sections};
use crate::engine::rig::{Rig, Scraping};
use warroom::domain::{Absence, Clean, Role, Verdict};
use warroom::engine::{BandPart, Command, Health, HookEnd, Phase, Severity};

const CANDIDATE: Role = Role::Candidate;

/// Memory warns at 85 % and rolls back over 95 %, after three seconds; a candidate unhealthy for five rolls back.
const MORE: &str = r#"
    [[guardrails]]
    reading = "memory"
    warn = "85 %"
    roll_back = "95 %"
    for = "3s"
    [[guardrails]]
    reading = "unhealthy_for"
    roll_back = "5s"
    for = "0s"
"#;

/// At the first step, baked.
fn baked(sections: &Sections) -> Rig {
    let mut rig = Rig::ready(sections);
    rig.advance("alice");
    rig.wait(9_000);
    assert_eq!(rig.engine.phase(), Phase::Baking);
    rig
}

fn guarded() -> Rig {
    baked(&Sections { more: MORE, ..MANUAL })
}

/// `WORD  the rest`.
fn band(rig: &Rig) -> String {
    let band = rig.engine.snapshot().band;
    format!("{}  {}", band.word, band.text)
}

/// As it is on the narrowest screen: what must be there, in fewest words.
fn narrow(rig: &Rig) -> String {
    let band = rig.engine.snapshot().band;
    let parts = band.parts.iter().filter(|part| part.rank == 0);
    let words = parts.map(|part| part.short.as_ref().unwrap_or(&part.words).to_string());
    std::iter::once(band.word.to_string()).chain(words).collect::<Vec<_>>().join("  ")
}

fn says(rig: &Rig, words: &[&str]) {
    let (whole, narrow) = (band(rig), narrow(rig));
    for word in words {
        assert!(whole.contains(word), "{word:?} is not in {whole:?}");
    }
    assert!(narrow.chars().count() <= 77, "{} columns: {narrow:?}", narrow.chars().count());
}

#[test]
fn a_warning_that_leads_to_an_act_says_which_and_at_what_value() {
    let mut rig = guarded();
    says(&rig, &["RUNNING  at 10%  next: 50%, press A"]);
    rig.worlds[CANDIDATE].memory = Ok(0.859);
    rig.wait(1_500);
    says(&rig, &["at 10%  memory GREEN 85.9% > 85.0% (rolls back over 95.0%)", "next: 50%, press A"]);
    assert_eq!(rig.engine.snapshot().band.severity, Severity::Warn);
}

#[test]
fn a_limit_whose_time_runs_out_says_when_it_acts_and_afterwards_who_did_it_and_why() {
    let mut rig = guarded();
    rig.worlds[CANDIDATE].memory = Ok(0.968);
    rig.wait(1_500);
    says(&rig, &["memory GREEN 96.8% > 95.0%", "rolls back by itself in ", "H does not stop that"]);
    rig.wait(3_500);
    assert!(rig.engine.phase().is_back());
    says(&rig, &["ROLLING BACK  by warroom: memory", "96.8% > 95.0%"]);
    assert!(narrow(&rig).starts_with("ROLLING BACK  by warroom: memory GREEN 96.8% > 95.0%  "), "{}", narrow(&rig));
    rig.wait(20_000);
    assert_eq!(rig.engine.phase(), Phase::RolledBack);
    assert!(
        narrow(&rig).starts_with("ROLLED BACK  by warroom: memory GREEN 96.8% > 95.0%  on BLUE"),
        "{}",
        narrow(&rig)
    );
}

/// A hold stops nothing that runs towards a rollback, whoever holds, and however much else is wrong.
#[test]
fn what_counts_towards_a_rollback_is_said_under_every_hold() {
    for held in [false, true] {
        let mut rig = guarded();
        rig.worlds[CANDIDATE].scraping = Scraping::Fails(Absence::Refused("connection refused".into()));
        rig.wait(3_000);
        rig.worlds[CANDIDATE].health = Some(Health::Failing(Clean::new("connection refused")));
        rig.wait(1_100);
        if held {
            rig.ask_for("alice", Command::Hold);
        }
        assert_eq!(rig.engine.phase() == Phase::Held, held);
        says(&rig, &["rolls back by itself in "]);
        rig.wait(3_000);
        assert_eq!(rig.engine.phase(), Phase::Held);
        says(&rig, &["GREEN UNHEALTHY ", "BLIND ", "rolls back by itself in "]);
        assert!(!band(&rig).contains("does not roll back"), "{}", band(&rig));
        assert!(narrow(&rig).contains("rolls back in "), "{}", narrow(&rig));
        rig.wait(3_000);
        assert!(rig.engine.phase().is_back(), "as it said");
    }
}

#[test]
fn a_hold_comes_before_the_rollback_and_both_are_said() {
    const LATER: &str = r#"
    [[guardrails]]
    reading = "memory"
    roll_back = "95 %"
    for = "9s"
"#;
    let mut rig = baked(&Sections { more: LATER, ..MANUAL });
    rig.worlds[CANDIDATE].memory = Ok(0.97);
    rig.worlds[CANDIDATE].errors = 0.03;
    rig.wait(5_000);
    says(&rig, &["5xx GREEN 3.00% > 2.00%  holds in ", "rolls back by itself in "]);
    rig.wait(3_000);
    // The errors hold; what runs towards the rollback is the memory.
    says(&rig, &["HOLDING (auto)", "5xx GREEN ", "memory GREEN 97.0% > 95.0%  rolls back by itself in "]);
}

/// The next thing that happens is not left out for the one after it.
#[test]
fn a_warning_says_what_holds_before_what_rolls_back() {
    let mut rig = guarded();
    rig.worlds[CANDIDATE].errors = 0.015;
    rig.wait(9_000);
    says(&rig, &["5xx GREEN 1.50% > 1.00% (2.00% holds, 5.00% rolls back)"]);
}

#[test]
fn a_hold_without_an_automatic_rollback_says_so_and_why() {
    let more = Box::leak(format!("{MORE}\n[rollback]\nautomatic = false\n").into_boxed_str());
    let mut rig = baked(&Sections { more, ..MANUAL });
    rig.ask_for("alice", Command::Hold);
    says(&rig, &["HOLDING  at 10% by alice", "no auto-rollback: the plan says manual"]);
    rig.resume("alice");
    rig.worlds[CANDIDATE].errors = 0.03;
    rig.wait(9_000);
    says(&rig, &["HOLDING (auto)", "no auto-rollback: the plan says manual"]);
    let mut rig = guarded();
    rig.ask_for("alice", Command::Hold);
    says(&rig, &["limits still roll back by themselves"]);
}

/// Of limits that only hold none goes back; one that goes back when nothing is read does.
#[test]
fn a_hold_says_whether_any_limit_goes_back_at_all() {
    let holds = LIMITS.replace("roll_back = \"5 %\"", "");
    let absent = holds.replace("absent = \"hold\"", "absent = \"roll_back\"");
    for (limits, words) in [(holds, "does not roll back by itself"), (absent, "limits still roll back by themselves")] {
        let mut rig = baked(&Sections { limits: Box::leak(limits.into_boxed_str()), ..MANUAL });
        rig.ask_for("alice", Command::Hold);
        says(&rig, &[words]);
    }
}

#[test]
fn a_bake_that_does_not_count_says_that_it_stands() {
    type Doubt = fn(&mut Rig);
    let steps = Box::leak(STEPS.replacen("bake = \"5s\"", "bake = \"30s\"", 1).into_boxed_str());
    let doubts: [(Doubt, u64); 2] = [
        (|rig| rig.worlds[CANDIDATE].scraping = Scraping::Missing, 3_500),
        (|rig| rig.balancer.dark.extend([0]), 6_500),
    ];
    for (doubt, after) in doubts {
        let mut rig = Rig::ready(&Sections { steps, ..MANUAL });
        rig.advance("alice");
        rig.wait(4_000);
        assert!(band(&rig).contains("bake 00:02 of 00:30"), "{}", band(&rig));
        doubt(&mut rig);
        let paused = |rig: &Rig| band(rig).split_once("bake paused at ").map(|(_, at)| at.to_owned());
        rig.wait(after);
        let at = paused(&rig).unwrap_or_else(|| panic!("{}", band(&rig)));
        assert!(at.ends_with(" of 00:30"), "{at}");
        rig.wait(1_000);
        assert_eq!(paused(&rig), Some(at), "it stands");
    }
}

/// Whoever watches after 100 % may rely on the keeper, or may not.
#[test]
fn complete_says_whether_the_keeper_still_goes_back() {
    let steps = STEPS.replace("split = \"100 %\"", "split = \"100 %\"\npoint_of_no_return = \"v43\"");
    for (steps, words) in
        [(STEPS, "auto-rollback on for 00:5"), (&*Box::leak(steps.into_boxed_str()), "more, no auto-rollback")]
    {
        let mut rig = baked(&Sections { steps, ..MANUAL });
        for _ in 0..2 {
            rig.advance("alice");
            rig.wait(8_500);
        }
        assert_eq!(rig.engine.phase(), Phase::Complete);
        says(&rig, &[words]);
    }
}

#[test]
fn what_would_not_act_by_itself_does_not_say_that_it_will() {
    let more = Box::leak(format!("{MORE}\n[rollback]\nautomatic = false\n").into_boxed_str());
    let mut rig = baked(&Sections { more, ..MANUAL });
    rig.worlds[CANDIDATE].memory = Ok(0.968);
    rig.wait(1_500);
    says(&rig, &["memory GREEN 96.8% > 95.0%", "holds in "]);
    assert!(!band(&rig).contains("rolls back in"), "{}", band(&rig));
    let mut rig = baked(&Sections { more, ..MANUAL });
    rig.worlds[CANDIDATE].errors = 0.03;
    rig.wait(4_500);
    says(&rig, &["5xx GREEN 3.00% > 2.00%  holds in "]);
    assert!(!band(&rig).contains("rolls back over"), "{}", band(&rig));
}

/// What it was held for is in the log; beside the seconds left stands what rolls it back.
#[test]
fn a_hold_that_runs_towards_a_rollback_names_the_limit_that_rolls_back() {
    let mut rig = guarded();
    rig.worlds[CANDIDATE].errors = 0.04;
    rig.wait(9_000);
    rig.worlds[CANDIDATE].errors = 0.20;
    rig.wait_until(100, |rig| {
        assert!(!rig.engine.phase().is_back(), "{}", band(rig));
        band(rig).contains("rolls back by itself in ")
    });
    says(&rig, &["HOLDING (auto)  since ", "% > 5.00%", "rolls back by itself in "]);
    assert!(!band(&rig).contains("2.00%"), "{}", band(&rig));
}

#[test]
fn a_hold_tells_the_value_of_then_from_the_value_of_now() {
    let mut rig = guarded();
    rig.worlds[CANDIDATE].errors = 0.04;
    rig.wait(9_000);
    assert_eq!(rig.engine.phase(), Phase::Held);
    says(&rig, &["HOLDING (auto)  since ", "  5xx GREEN 4.00% > 2.00%  over 5.00% rolls back by itself  A locked"]);
    rig.worlds[CANDIDATE].errors = 0.045;
    rig.wait(2_000);
    says(&rig, &["5xx GREEN was 4.00% > 2.00%, now 4."]);
    assert!(!band(&rig).contains("(ok)"), "{}", band(&rig));
    assert!(narrow(&rig).contains("  5xx GREEN 4.") && !narrow(&rig).contains("was"), "{}", narrow(&rig));
    // Under what it was held for, and over the warning.
    rig.worlds[CANDIDATE].errors = 0.015;
    rig.wait(8_000);
    says(&rig, &["5xx GREEN was 4.00% > 2.00%, now 1.50%"]);
    assert!(narrow(&rig).contains("  5xx GREEN was 4.00%, now 1.50%"), "{}", narrow(&rig));
    rig.worlds[CANDIDATE].errors = 0.0;
    rig.wait(8_000);
    says(&rig, &["now 0.00% (ok)", "A resumes"]);
    rig.worlds[CANDIDATE].scraping = Scraping::Silent;
    rig.wait(7_000);
    says(&rig, &["BLIND ", "now unknown", "does not roll back by itself", "A locked"]);
    assert!(!band(&rig).contains("(ok)"), "no reading is never a good one: {}", band(&rig));
}

#[test]
fn blind_says_whether_the_keeper_goes_back_by_itself() {
    let limits = LIMITS.replace("absent = \"hold\"", "absent = \"roll_back\"");
    let limits = Box::leak(limits.replace("for = \"3s\"", "for = \"12s\"").into_boxed_str());
    for (limits, words) in [(&*limits, "rolls back by itself in "), (LIMITS, "does not roll back by itself")] {
        let mut rig = baked(&Sections { limits, ..MANUAL });
        rig.worlds[CANDIDATE].scraping = Scraping::Silent;
        rig.wait(8_000);
        assert_eq!(rig.engine.phase(), Phase::Held);
        says(&rig, &["HOLDING (auto)  since ", "Z  BLIND ", ": no candidate metrics", words, "A locked"]);
        assert_eq!(band(&rig).matches("BLIND").count(), 1, "{}", band(&rig));
        assert!(!band(&rig).contains("5xx"), "why is said: {}", band(&rig));
    }
}

#[test]
fn a_silent_balancer_has_a_word_of_its_own() {
    let mut rig = guarded();
    rig.balancer.dark.insert(0);
    rig.wait(9_000);
    says(&rig, &["BALANCER UNREAD  for 9s", "last read 10%", "R is retried until it lands", "A locked"]);
    assert_eq!(rig.engine.snapshot().band.severity, Severity::Critical);
    rig.ask_for("alice", Command::Hold);
    says(&rig, &["HOLDING  BALANCER UNREAD "]);
}

#[test]
fn a_candidate_that_is_down_comes_before_what_follows_from_it() {
    let mut rig = guarded();
    rig.worlds[CANDIDATE].scraping = Scraping::Fails(Absence::Refused("connection refused".into()));
    rig.worlds[CANDIDATE].health = Some(Health::Failing(Clean::new("connection refused")));
    rig.wait(3_200);
    let whole = band(&rig);
    assert!(whole.starts_with("RUNNING  GREEN UNHEALTHY "), "{whole}");
    says(&rig, &[": connection refused", "rolls back by itself in ", "A locked"]);
}

#[test]
fn a_foreign_change_names_somebody_else_and_once_adopted_the_split_is_not_the_plans() {
    let mut rig = guarded();
    let setting = split(&rig.balancer.layout, 150);
    rig.balancer.land(&setting);
    rig.wait(1_500);
    says(
        &rig,
        &[
            "FROZEN  DRIFT: SOMEBODY ELSE set 15% (wanted 10%)",
            ":adopt keeps 15%  :reassert sets 10% again  R rolls back to 0%",
        ],
    );
    assert_eq!(narrow(&rig), "FROZEN  SOMEBODY ELSE set 15%  :adopt keeps 15%  :reassert sets 10%  R to 0%");
    rig.ask_for("alice", Command::Adopt);
    rig.wait(1_500);
    says(&rig, &["RUNNING  at 15% adopted"]);
}

#[test]
fn a_bake_says_when_it_ends_and_what_it_waits_for() {
    let limits = Box::leak(LIMITS.replace("minimum_requests = 20", "minimum_requests = 90").into_boxed_str());
    let mut rig = Rig::ready(&Sections { limits, ..MANUAL });
    rig.advance("alice");
    says(&rig, &["RUNNING  SHIFTING 0% → 10%"]);
    rig.wait(4_000);
    says(&rig, &["RUNNING  at 10%  A locked: 5xx CANDIDATE: too few requests", "starts after ", " more requests"]);
    rig.wait(5_000);
    says(&rig, &["next: 50%, A opens in "]);
    let bake = rig.engine.gates().into_iter().find(|gate| gate.name.as_str() == "bake").expect("a bake");
    assert!(!bake.detail.as_str().contains('.') && !bake.detail.as_str().contains("ms"), "{}", bake.detail);
}

/// Who and why come first and are short; how far it is stays whole beside them.
#[test]
fn a_rollback_for_an_unhealthy_candidate_fits_the_narrowest_screen() {
    let mut rig = guarded();
    rig.worlds[CANDIDATE].health = Some(Health::Failing(Clean::new("answers 500")));
    rig.wait(7_500);
    assert_eq!(narrow(&rig), "ROLLING BACK  by warroom: GREEN unhealthy 5s  0% read back +0.0s");
    rig.wait(12_000);
    assert_eq!(narrow(&rig), "ROLLED BACK  by warroom: GREEN unhealthy 5s  on BLUE");
    says(&rig, &["all traffic on BLUE v1  at 11:", "Z  took 5.", "  :restart begins a new run"]);
}

#[test]
fn new_traffic_back_does_not_read_as_if_it_were_back_on_the_candidate() {
    let mut rig = guarded();
    rig.worlds[CANDIDATE].scraping = Scraping::Silent;
    rig.roll_back("alice", None);
    rig.wait(12_000);
    assert_eq!(rig.engine.phase(), Phase::NewTrafficBack);
    says(&rig, &["NEW TRAFFIC ON BLUE  not proven that GREEN is empty: no metrics"]);
}

/// The part that begins so.
fn part(rig: &Rig, words: &str) -> BandPart {
    let parts = rig.engine.snapshot().band.parts;
    parts.into_iter().find(|part| part.words.as_str().starts_with(words)).unwrap_or_else(|| panic!("{}", band(rig)))
}

/// Of several nodes the one that somebody changed is named; where all of them are changed none stands out.
#[test]
fn a_change_on_one_node_of_several_names_it() {
    for (nodes, words) in [(1, "set 30% on lb1 (wanted 10%)"), (2, "set 30% (wanted 10%)")] {
        let mut rig = Rig::at_first_step(&NODES);
        let mut setting = split(&rig.balancer.layout, 300);
        setting.0.retain(|slot, _| slot.node < nodes);
        rig.balancer.land(&setting);
        rig.wait(2_000);
        says(&rig, &[words]);
    }
}

/// What closes the way is said beside what comes by itself, where it is something else.
#[test]
fn the_limit_that_locks_is_named_beside_another_one_that_rolls_back() {
    let mut rig = guarded();
    rig.worlds[CANDIDATE].memory = Ok(0.968);
    rig.wait(1_500);
    rig.worlds[CANDIDATE].errors = 0.15;
    rig.wait(1_000);
    says(&rig, &["memory GREEN 96.8% > 95.0%", "rolls back by itself in ", "A locked: 5xx CANDIDATE GREEN "]);
    assert_eq!(part(&rig, "A locked").rank, 2, "it goes before what H is good for");
    assert_eq!(part(&rig, "H does not stop that").rank, 1);
}

/// That the candidate is unhealthy does not say which limit acts, where it is another.
#[test]
fn a_limit_on_a_value_is_named_beside_an_unhealthy_candidate() {
    let mut rig = guarded();
    rig.worlds[CANDIDATE].memory = Ok(0.968);
    rig.worlds[CANDIDATE].health = Some(Health::Failing(Clean::new("503")));
    rig.wait(1_500);
    says(&rig, &["GREEN UNHEALTHY ", "memory GREEN 96.8% > 95.0%  rolls back by itself in "]);
}

/// Under a hold as well, whatever it holds for.
#[test]
fn what_rolls_back_is_named_under_a_hold_beside_an_unhealthy_candidate() {
    let mut rig = guarded();
    rig.worlds[CANDIDATE].errors = 0.03;
    rig.wait(9_000);
    assert_eq!(rig.engine.phase(), Phase::Held);
    rig.worlds[CANDIDATE].memory = Ok(0.968);
    rig.worlds[CANDIDATE].health = Some(Health::Failing(Clean::new("503")));
    rig.wait(1_500);
    let whole = band(&rig);
    for words in ["GREEN UNHEALTHY ", "5xx GREEN ", "memory GREEN 96.8% > 95.0%  rolls back by itself in "] {
        assert!(whole.contains(words), "{words:?} is not in {whole:?}");
    }
}

#[test]
fn a_candidate_that_takes_no_connection_says_so_before_its_health_does() {
    let mut rig = guarded();
    rig.worlds[CANDIDATE].scraping = Scraping::Fails(Absence::Refused("connection refused".into()));
    rig.wait(3_000);
    says(&rig, &["GREEN refuses connections"]);
}

#[test]
fn a_hold_of_a_person_says_which_limit_warns() {
    let mut rig = guarded();
    rig.worlds[CANDIDATE].memory = Ok(0.859);
    rig.wait(1_500);
    rig.ask_for("alice", Command::Hold);
    says(&rig, &["HOLDING  at 10% by alice", "memory GREEN 85.9% > 85.0% (rolls back over 95.0%)"]);
}

/// A bake that is over waits for nothing, though requests get few; stable's are few because it serves nobody.
#[test]
fn a_bake_waits_only_for_requests_that_it_needs() {
    let mut rig = baked(&MANUAL);
    // Of its 20 requests a second two are left.
    rig.worlds[CANDIDATE].own_rate = -18.0;
    rig.wait(9_000);
    says(&rig, &["5xx CANDIDATE: too few requests", "bake 00:05 of 00:05"]);
    assert!(!band(&rig).contains(" goes on after "), "{}", band(&rig));

    let of_stable =
        "[[guardrails]]\nreading = \"error_ratio\"\nenvironment = \"stable\"\nminimum_requests = 20\nhold = \"5 %\"\n";
    let mut rig = baked(&Sections { more: of_stable, ..MANUAL });
    rig.advance("alice");
    rig.wait(8_500);
    rig.worlds[Role::Stable].own_rate = 1.0;
    rig.advance("alice");
    for _ in 0..50 {
        rig.wait(100);
        assert!(!band(&rig).contains(" more requests"), "{}", band(&rig));
    }
    says(&rig, &["at 100%", "completes by itself "]);
}

#[test]
fn what_is_bad_is_named_before_what_is_not_known_and_a_person_last() {
    let steps = STEPS.replacen("split = \"50 %\"", "split = \"50 %\"\napproval = \"decision authority\"", 1);
    let more = MORE.replace("for = \"3s\"", "for = \"3s\"\nabsent = \"warn\"");
    let (steps, more) = (Box::leak(steps.into_boxed_str()), Box::leak(more.into_boxed_str()));
    let mut rig = baked(&Sections { steps, more, ..MANUAL });
    says(&rig, &["A locked: decision authority must approve 50%: :approve"]);
    rig.worlds[CANDIDATE].memory = Err(Absence::Missing("memory_used".into()));
    rig.wait(1_500);
    says(&rig, &["A locked: memory CANDIDATE GREEN: "]);
    rig.checks[0] = Some(Verdict::Fail);
    rig.wait(2_500);
    says(&rig, &["A locked: candidate health: answer"]);
}

/// A program that is still to run is no trouble; one that failed is.
#[test]
fn a_program_that_failed_is_a_warning_and_one_that_is_to_come_is_none() {
    let hooks = Box::leak(HOOKS.replace("required_before = \"first\"", "required_before = \"50 %\"").into_boxed_str());
    let mut rig = baked(&Sections { more: hooks, ..MANUAL });
    says(&rig, &["A locked: smoke: has not run"]);
    assert_eq!(rig.engine.snapshot().band.severity, Severity::Info);
    rig.hook_ends.push_back((500, HookEnd::Exited(2)));
    rig.run_hook("alice", "smoke");
    rig.wait(1_000);
    says(&rig, &["A locked: smoke: failed (exit 2)"]);
    assert_eq!(rig.engine.snapshot().band.severity, Severity::Warn);
}

/// The screen that shows it first shows the countdown, too.
#[test]
fn an_unhealthy_candidate_counts_from_its_first_moment() {
    let mut rig = guarded();
    rig.worlds[CANDIDATE].health = Some(Health::Failing(Clean::new("answers 500")));
    // Within ten seconds in steps of ten milliseconds: health is asked for every second.
    let is_shown = (0..1_000).any(|_| {
        rig.wait(10);
        band(&rig).contains("GREEN UNHEALTHY")
    });
    assert!(is_shown, "{}", band(&rig));
    says(&rig, &["GREEN UNHEALTHY 0s", "rolls back by itself in "]);
}

#[test]
fn what_clears_names_the_limit_that_was_over() {
    let mut rig = guarded();
    rig.worlds[CANDIDATE].errors = 0.015;
    rig.wait(6_000);
    rig.worlds[CANDIDATE].errors = 0.0;
    rig.wait(8_000);
    assert!(rig.said("clear again: 5xx CANDIDATE GREEN 0.") && rig.said("under 1.00% again"));
}

#[test]
fn a_limit_on_health_speaks_of_time() {
    let mut rig = guarded();
    rig.worlds[CANDIDATE].health = Some(Health::Failing(Clean::new("answers 500")));
    rig.wait(7_500);
    assert!(rig.engine.phase().is_back());
    assert!(rig.said("unhealthy CANDIDATE GREEN for 5."), "{}", band(&rig));
    assert!(rig.said("s (limit 5s)"));
}

/// Of a time there is no value to be under: it is healthy again.
#[test]
fn a_limit_on_health_that_clears_says_that_it_is_healthy() {
    let limits = r#"
    [[guardrails]]
    reading = "unhealthy_for"
    warn = "2s"
    roll_back = "1m"
    for = "0s"
"#;
    let mut rig = Rig::at_first_step(&Sections { limits, ..MANUAL });
    rig.worlds[CANDIDATE].health = Some(Health::Failing(Clean::new("answers 500")));
    rig.wait(5_000);
    rig.worlds[CANDIDATE].health = Some(Health::Healthy);
    rig.wait(5_000);
    assert!(rig.said("clear again: unhealthy CANDIDATE GREEN: no (limit "), "{}", band(&rig));
}

/// What was wrong when it last answered says nothing of now.
#[test]
fn a_candidate_that_stopped_answering_is_not_told_as_unhealthy() {
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.worlds[CANDIDATE].health = Some(Health::Failing(Clean::new("answers 500")));
    rig.wait(3_000);
    says(&rig, &["GREEN UNHEALTHY "]);
    rig.worlds[CANDIDATE].health = None;
    rig.wait(12_000);
    assert!(!band(&rig).contains("UNHEALTHY"), "{}", band(&rig));
}
