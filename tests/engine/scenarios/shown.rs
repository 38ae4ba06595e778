//! What others go by: the measured share, the log's length, who is here, and whether the run is over.

use crate::engine::balancer::{Fate, split};
use crate::engine::plans::{AUTOMATIC, LIMITS, MANUAL, STEPS, Sections};
use crate::engine::rig::{Disk, Rig, Scraping};
use crate::engine::script::story;
use std::time::Duration;
use warroom::domain::{Absence, Role, Verdict};
use warroom::engine::{Answer, Command, Event, Health, LOG_LINES_MAX, Mode, Phase, SERIES_POINTS, Samples, StepState};

/// Failed and unknown requests stay in the denominator; what was sampled at another split, or long ago, does not.
#[test]
fn the_measured_share_is_of_all_requests_at_this_split() {
    let mut rig = Rig::at_first_step(&MANUAL);
    assert_eq!(rig.engine.snapshot().split.measured, None);
    for _ in 0..2 {
        rig.feed(Event::Sampled(Samples { stable: 35, candidate: 10, unknown: 3, failed: 2 }));
    }
    let measured = rig.engine.snapshot().split.measured.expect("samples");
    assert_eq!((measured.requests, measured.failed, measured.unknown), (100, 4, 6));
    assert!((measured.value - 0.2).abs() < 1e-9 && measured.low < 0.2 && measured.high > 0.2, "{measured:?}");
    rig.wait(59_000);
    rig.feed(Event::Sampled(Samples { stable: 10, ..Samples::default() }));
    assert_eq!(rig.engine.snapshot().split.measured.expect("samples").requests, 110);
    rig.wait(2_000);
    let measured = rig.engine.snapshot().split.measured.expect("samples");
    assert_eq!((measured.requests, measured.newest), (10, rig.now().minus(Duration::from_secs(2))));
    rig.advance("alice");
    rig.wait(1_000);
    assert_eq!(rig.engine.snapshot().split.measured, None, "another split");
}

/// The keeper goes by this: it ends an hour after nothing more will happen by itself.
#[test]
fn a_run_is_final_when_nothing_more_happens_by_itself() {
    let mut rig = Rig::ready(&MANUAL);
    assert!(!rig.engine.is_final() && !rig.engine.is_ended());
    for _ in 0..3 {
        rig.advance("alice");
        rig.wait(7_000);
        assert!(!rig.engine.is_final(), "{}", story(&rig));
    }
    assert_eq!(rig.engine.phase(), Phase::Complete);
    rig.wait(61_000);
    assert!(rig.engine.is_final() && !rig.engine.is_ended(), "watched to its end");
    rig.roll_back("alice", None);
    assert!(!rig.engine.is_final(), "a rollback is under way");
    rig.wait(12_000);
    assert_eq!(rig.engine.phase(), Phase::RolledBack);
    assert!(rig.engine.is_final());
    rig.ask_for("alice", Command::End);
    assert!(rig.engine.is_final() && rig.engine.is_ended());
}

#[test]
fn consoles_and_lines_are_counted() {
    let mut rig = Rig::new(&MANUAL);
    assert!(!rig.engine.has_consoles());
    rig.come("alice");
    assert!(rig.engine.has_consoles());
    rig.leave("alice");
    assert!(!rig.engine.has_consoles());
    for _ in 0..LOG_LINES_MAX + 10 {
        rig.ask_for("alice", Command::Note { text: "still here".into() });
    }
    assert_eq!(rig.engine.log_length(), rig.lines().count() as u64);
    assert_eq!(rig.engine.snapshot().log.len(), 60, "what one screen can show");
    rig.crash();
    assert_eq!(rig.engine.log_length(), rig.entries.last().map_or(0, |entry| entry.number));
}

#[test]
fn steps_say_where_the_run_stands() {
    use StepState::{Done, Going, Now, ToCome};
    let states = |rig: &Rig| rig.engine.snapshot().steps.iter().map(|step| step.state).collect::<Vec<_>>();
    let mut rig = Rig::ready(&MANUAL);
    assert_eq!(states(&rig), [ToCome, ToCome, ToCome]);
    rig.advance("alice");
    assert_eq!(states(&rig), [Going, ToCome, ToCome]);
    rig.wait(7_000);
    assert_eq!(states(&rig), [Now, ToCome, ToCome]);
    rig.advance("alice");
    rig.wait(7_000);
    assert_eq!(states(&rig), [Done, Now, ToCome]);
    let planned: Vec<_> = rig.engine.snapshot().steps.iter().map(|step| step.planned.as_secs()).collect();
    assert_eq!(planned, [0, 5, 10]);
}

/// What comes next is announced as automatic only where the keeper would go on by itself.
#[test]
fn the_next_step_is_automatic_only_between_hold_points() {
    let next = |rig: &Rig| rig.engine.snapshot().next.map(|next| (next.split.permille(), next.automatic));
    let mut rig = Rig::ready(&AUTOMATIC);
    assert_eq!(next(&rig), Some((100, false)), "a person begins");
    rig.advance("alice");
    rig.wait(1_000);
    assert_eq!(next(&rig), Some((500, true)));
    rig.wait(7_000);
    assert_eq!(next(&rig), Some((1000, false)), "a hold point");
    let mut rig = Rig::at_first_step(&MANUAL);
    assert_eq!(next(&rig), Some((500, false)));
    rig.roll_back("alice", None);
    assert_eq!(next(&rig), None);
}

/// No answer for a while is neither good nor bad.
#[test]
fn an_environment_that_fell_silent_is_unknown() {
    let mut rig = Rig::at_first_step(&MANUAL);
    let verdict = |rig: &Rig| rig.engine.snapshot().environments[Role::Stable].health.clone().expect("asked").0;
    assert_eq!(verdict(&rig), Verdict::Pass);
    rig.worlds[Role::Stable].health = Some(Health::Failing("503".into()));
    rig.wait(1_000);
    assert_eq!(verdict(&rig), Verdict::Fail);
    assert!(!rig.engine.snapshot().rollback_target.needs_typing, "one answer is not down");
    rig.wait(2_000);
    assert!(rig.engine.snapshot().rollback_target.needs_typing);
    rig.worlds[Role::Stable].health = None;
    rig.wait(4_000);
    assert_eq!(verdict(&rig), Verdict::Fail);
    rig.wait(2_000);
    assert_eq!(verdict(&rig), Verdict::Unknown);
}

/// Every answer of a check is shown until it is old; only a change is told.
#[test]
fn a_checks_answer_is_shown_until_it_is_old() {
    let mut rig = Rig::at_first_step(&MANUAL);
    let told = |rig: &Rig| rig.lines().filter(|line| line.text.as_str().contains("check candidate health")).count();
    assert_eq!(told(&rig), 1);
    rig.checks[0] = Some(Verdict::Warn);
    rig.wait(5_000);
    assert_eq!(told(&rig), 2);
    // Asked every two seconds: fresh for four, known for ten, and its timeout of one second.
    rig.checks[0] = None;
    let at = |rig: &Rig| rig.engine.snapshot().checks[0].at.expect("answered");
    rig.wait(10_500 - rig.now().since(at(&rig)).as_millis() as u64);
    assert_eq!(rig.engine.snapshot().checks[0].verdict, Verdict::Warn);
    rig.wait(1_500);
    assert_eq!(rig.engine.snapshot().checks[0].verdict, Verdict::Unknown);
}

/// The check of the balancer asks whether it was read, and holds what this run set.
#[test]
fn the_balancers_check_says_what_it_rests_on() {
    let limits = "[[checks]]\nname = \"balancer\"\nkind = \"balancer\"\n";
    let mut rig = Rig::at_first_step(&Sections { limits, ..MANUAL });
    let shown = |rig: &Rig| {
        let check = rig.engine.snapshot().checks.remove(0);
        (check.verdict, check.detail.to_string())
    };
    assert_eq!(shown(&rig), (Verdict::Pass, "at 10%".to_owned()));
    let foreign = split(&rig.balancer.layout, 300);
    rig.balancer.land(&foreign);
    rig.wait(2_000);
    assert_eq!(shown(&rig), (Verdict::Fail, "drift to 30%".to_owned()));
    rig.balancer.land(&split(&rig.balancer.layout.clone(), 100));
    rig.balancer.dark.insert(0);
    rig.wait(1_500);
    assert_eq!((shown(&rig).0, shown(&rig).1.contains("no answer")), (Verdict::Unknown, true));
    rig.balancer.dark.clear();
    rig.wait(2_000);
    assert_eq!(shown(&rig).0, Verdict::Pass);
    rig.read_takes = 60_000_000;
    rig.wait(4_000);
    assert_eq!(shown(&rig), (Verdict::Pass, "at 10%".to_owned()), "an old read, and not yet too old");
    rig.wait(4_000);
    assert_eq!(shown(&rig), (Verdict::Unknown, "last read is old".to_owned()));
}

/// A reading must stay below its limit; at the limit is not below it.
#[test]
fn a_check_on_a_reading_compares_it_with_its_limit() {
    let limits = "[[checks]]\nname = \"memory\"\nkind = \"reading\"\nreading = \"memory\"\nbelow = \"50 %\"\n";
    let mut rig = Rig::at_first_step(&Sections { limits, ..MANUAL });
    for (memory, verdict, words) in [
        (Ok(0.4), Verdict::Pass, "40.0% < 50.0%"),
        (Ok(0.5), Verdict::Fail, "50.0% = 50.0%"),
        (Ok(0.6), Verdict::Fail, "60.0% > 50.0%"),
        (Ok(f64::NAN), Verdict::Unknown, "the value is not a number"),
        (Err(Absence::Missing("memory_used".into())), Verdict::Unknown, "memory_used is not in the answer"),
    ] {
        rig.worlds[Role::Candidate].memory = memory;
        rig.wait(1_500);
        let check = rig.engine.snapshot().checks.remove(0);
        assert_eq!((check.verdict, check.detail.as_str()), (verdict, words));
        assert_eq!(matches!(rig.advance("alice"), Answer::Applied(_)), verdict == Verdict::Pass, "{words}");
        if verdict == Verdict::Pass {
            rig.wait(7_000);
        }
    }
}

/// The charts have a point a second; seconds in which nothing ran or nothing was fresh are gaps.
#[test]
fn the_charts_have_a_point_a_second_and_gaps() {
    let mut rig = Rig::at_first_step(&MANUAL);
    let points = |rig: &Rig| {
        let signals = rig.engine.snapshot().signals;
        signals.into_iter().find(|signal| signal.role == Role::Candidate).expect("a signal").points
    };
    let before = points(&rig).len();
    assert!((13..=15).contains(&before), "fourteen seconds: {before}");
    rig.freeze(10_000);
    rig.wait(2_000);
    let after = points(&rig);
    assert!((before + 11..=before + 13).contains(&after.len()), "{} points", after.len());
    let gap = after[before..before + 9].iter().all(Option::is_none);
    assert!(gap && after.last().is_some_and(Option::is_some), "{after:?}");
    rig.worlds[Role::Candidate].scraping = Scraping::Silent;
    rig.wait(6_000);
    let silent = points(&rig);
    assert!(silent[after.len()].is_some() && silent[after.len() + 3..].iter().all(Option::is_none), "{silent:?}");
    rig.wait(SERIES_POINTS as u64 * 1_000);
    assert_eq!(points(&rig).len(), SERIES_POINTS);
}

/// What went wrong on the candidate, and how much of it stable would have made of the same requests.
#[test]
fn failures_on_the_candidate_are_counted_beside_stables_own() {
    let mut rig = Rig::new(&MANUAL);
    rig.worlds[Role::Stable].errors = 0.01;
    rig.worlds[Role::Candidate].errors = 0.1;
    rig.worlds[Role::Candidate].own_rate = 100.0;
    rig.wait(11_000);
    let failed = |rig: &Rig| (rig.engine.snapshot().failed_on_candidate, rig.engine.snapshot().failed_at_least);
    // Ten seconds at a hundred a second: a hundred failed, of which stable would have made ten.
    assert_eq!(failed(&rig), ((100, 90), false));
    rig.worlds[Role::Candidate].errors = 0.0;
    rig.wait(100_000);
    assert_eq!(failed(&rig), ((100, 0), false), "fewer than stable's is none above it");

    let mut rig = Rig::new(&MANUAL);
    rig.worlds[Role::Stable].scraping = Scraping::Silent;
    rig.worlds[Role::Candidate].errors = 0.1;
    rig.worlds[Role::Candidate].own_rate = 100.0;
    rig.wait(11_000);
    assert_eq!(failed(&rig), ((100, 100), false), "nothing of stable to compare with");

    // What nobody counted may have been more, once there was traffic.
    for scraping in [Scraping::Silent, Scraping::Missing] {
        let mut rig = Rig::ready(&MANUAL);
        rig.worlds[Role::Candidate].scraping = scraping.clone();
        rig.wait(7_000);
        assert!(!failed(&rig).1, "before the first step");
        let mut rig = Rig::at_first_step(&MANUAL);
        assert!(!failed(&rig).1);
        rig.worlds[Role::Candidate].scraping = scraping;
        rig.wait(7_000);
        assert!(failed(&rig).1);
    }
}

/// Both environments' rows are drawn on the candidate's scale, unless one has a limit of its own.
#[test]
fn a_signal_is_drawn_with_its_limit() {
    let limits = |rig: &Rig| rig.engine.snapshot().signals.into_iter().map(|signal| signal.limit).collect::<Vec<_>>();
    assert_eq!(limits(&Rig::new(&MANUAL)), [Some(0.02), Some(0.02), None, None], "errors, then latency");
    let own = LIMITS.replacen("\"error_ratio\"", "\"error_ratio\"\nenvironment = \"stable\"", 1).replace("2 %", "3 %");
    let slow = "[[guardrails]]\nreading = \"p95\"\nwarn = \"200ms\"\n";
    let of_stable = own.split("[[checks]]").next().expect("the guardrail");
    let all: &'static str = Box::leak(format!("{of_stable}{LIMITS}{slow}").into_boxed_str());
    let rig = Rig::new(&Sections { limits: all, ..MANUAL });
    assert_eq!(limits(&rig), [Some(0.03), Some(0.02), Some(0.2), Some(0.2)]);
    let holds: Vec<_> = rig.engine.snapshot().signals.into_iter().map(|signal| signal.limit_holds).collect();
    assert_eq!(holds, [true, true, false, false], "the latency only warns");
}

/// A required check of the same reading may be stricter than the limit that holds: before it opens nothing goes forward.
#[test]
fn a_signal_says_what_a_required_check_asks_of_it() {
    let check = |below: &str, more: &str| {
        format!(
            "[[checks]]\nname = \"below {below}\"\nkind = \"reading\"\nreading = \"error_ratio\"\nbelow = \"{below}\"\n{more}"
        )
    };
    let limits = [LIMITS, &check("1 %", ""), &check("3 %", ""), &check("0.5 %", "required = false\n")].join("\n");
    let rig = Rig::new(&Sections { limits: limits.leak(), ..MANUAL });
    let asked: Vec<_> = rig.engine.snapshot().signals.into_iter().map(|signal| signal.asked_below).collect();
    assert_eq!(asked, [None, Some(0.01), None, None]);
}

/// Short enough to fall soon after the traffic does, and over five scrapes, so that one more or less is no jump.
#[test]
fn an_environments_rate_is_that_of_its_last_five_scrapes() {
    let mut rig = Rig::at_first_step(&MANUAL);
    let rate = |rig: &Rig| rig.engine.snapshot().environments[Role::Candidate].rate.expect("read");
    assert!((rate(&rig) - 20.5).abs() < 0.1, "a tenth of the traffic and its own: {}", rate(&rig));
    rig.worlds[Role::Candidate].own_rate = -20.0;
    rig.wait(4_000);
    assert!((3.0..6.0).contains(&rate(&rig)), "four of five seconds without: {}", rate(&rig));
    let newest = |rig: &Rig| rig.engine.snapshot().environments[Role::Candidate].newest_rate;
    assert!(newest(&rig).is_some_and(|rate| rate < 0.1), "none in the last: {:?}", newest(&rig));
    rig.worlds[Role::Candidate].scraping = Scraping::Silent;
    rig.wait(10_000);
    assert_eq!(newest(&rig), None, "of what is not read any more nobody knows what it is asked for now");
}

/// Until the scrapes from before a move are out of it, a rate is of neither split; of an unmoved one it says so at once.
#[test]
fn a_rate_over_a_move_of_the_split_says_that_it_is_mixed() {
    let mut rig = Rig::at_first_step(&MANUAL);
    let is_mixed = |rig: &Rig| rig.engine.snapshot().environments[Role::Candidate].rate_is_mixed;
    assert!(!is_mixed(&rig));
    rig.advance("alice");
    rig.wait(2_000);
    assert!(is_mixed(&rig), "most of it is of the step before");
    rig.wait(6_000);
    assert!(!is_mixed(&rig));
}

/// Beside a value that is not known any more stands the last one that was, for as long as the chart shows it.
#[test]
fn the_last_known_value_stays_while_the_chart_reaches_it() {
    let mut rig = Rig::at_first_step(&MANUAL);
    let shown = |rig: &Rig| {
        let signals = rig.engine.snapshot().signals;
        let errors = signals.into_iter().find(|signal| signal.role == Role::Candidate).expect("a signal");
        (errors.value.is_ok(), errors.last_known.map(|known| (known * 1000.0).round() as u32))
    };
    rig.worlds[Role::Candidate].errors = 0.015;
    rig.wait(6_000);
    assert_eq!(shown(&rig), (true, Some(15)));
    rig.worlds[Role::Candidate].scraping = Scraping::Silent;
    rig.wait(10_000);
    assert_eq!(shown(&rig), (false, Some(15)));
    rig.wait(SERIES_POINTS as u64 * 1_000);
    assert_eq!(shown(&rig), (false, None));
}

#[test]
fn a_step_says_whose_approval_it_needs_and_who_gave_it() {
    let steps = STEPS.replacen("split = \"50 %\"", "split = \"50 %\"\napproval = \"decision authority\"", 1);
    let mut rig = Rig::at_first_step(&Sections { steps: Box::leak(steps.into_boxed_str()), ..MANUAL });
    let shown = |rig: &Rig| {
        let snapshot = rig.engine.snapshot();
        assert_eq!(snapshot.steps[0].approval, None);
        assert_eq!(snapshot.steps[1].approval, snapshot.next.expect("a next step").approval);
        snapshot.steps[1].approval.clone().map(|(role, by)| (role.to_string(), by.map(|by| by.to_string())))
    };
    let role = "decision authority".to_owned();
    assert_eq!(shown(&rig), Some((role.clone(), None)));
    rig.come("bob");
    rig.ask_for("bob", Command::Approve);
    assert_eq!(shown(&rig), Some((role, Some("bob".to_owned()))));
}

/// The feed is as old as its older half.
#[test]
fn the_feed_is_as_old_as_its_older_half() {
    let mut rig = Rig::new(&MANUAL);
    assert_eq!(rig.engine.snapshot().feed_at, None);
    rig.wait(7_000);
    let age = |rig: &Rig| rig.now().since(rig.engine.snapshot().feed_at.expect("both were read")).as_secs();
    assert_eq!(age(&rig), 0);
    rig.worlds[Role::Stable].scraping = Scraping::Silent;
    rig.wait(4_000);
    assert_eq!(age(&rig), 4);
}

/// A disk that refuses is asked again once a second, not at every turn; once it takes what a restart needs, forward
/// is open again.
#[test]
fn a_disk_that_is_back_unlocks_forward() {
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.disk = Disk::Refuses;
    rig.ask_for("alice", Command::Take);
    rig.ask_for("alice", Command::Hold);
    rig.wait(10_000);
    let asked = rig.lines().filter(|line| line.text.as_str().contains("holds at")).count();
    assert!((5..=12).contains(&asked), "{asked} times in ten seconds");
    assert!(rig.engine.snapshot().journal_trouble.is_some());
    rig.disk = Disk::Fine;
    rig.wait(5_000);
    assert_eq!(rig.engine.snapshot().journal_trouble, None, "{}", story(&rig));
}

/// What the disk refused may have been a mere line: it is asked again all the same, or forward would stay locked until
/// somebody did something.
#[test]
fn a_disk_that_refused_a_mere_line_and_is_back_unlocks_forward() {
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.disk = Disk::Refuses;
    rig.ask_for("alice", Command::Note { text: "a note".into() });
    rig.wait(3_000);
    assert!(rig.engine.snapshot().journal_trouble.is_some());
    rig.disk = Disk::Fine;
    rig.wait(5_000);
    assert_eq!(rig.engine.snapshot().journal_trouble, None, "{}", story(&rig));
    let kept = rig.lines().filter(|line| line.text.as_str().contains("a note")).count();
    assert!((2..=6).contains(&kept), "asked {kept} times");
}

/// Whoever wonders at a check's answer is told what it asks, of whom, how often, and what the answer must be.
#[test]
fn a_check_says_what_it_asks() {
    let limits = r#"
    [[checks]]
    name = "stable endpoints"
    kind = "http"
    environment = "stable"
    paths = ["/a", "/b"]
    status = [200, 401]
    json = { "/status" = "ok" }
    slower_than = "500ms"
    interval = "2s"
    timeout = "1s"
    [[checks]]
    name = "candidate errors"
    kind = "reading"
    reading = "error_ratio"
    below = "1 %"
    minimum_requests = 5
    [[checks]]
    name = "balancer"
    kind = "balancer"
"#;
    let rig = Rig::new(&Sections { limits, ..MANUAL });
    let asks: Vec<String> = rig.engine.snapshot().checks.iter().map(|check| check.asks.to_string()).collect();
    assert_eq!(
        asks,
        [
            "GET /a /b of BLUE v1: 200 or 401, /status = \"ok\", within 500ms; every 2s, given up after 1s",
            "5xx of GREEN v2 below 1.00% over 5s, from 5 requests on",
            "the balancer answers on every node, and holds what this run last set",
        ]
    );
}

/// A check passes by its own few requests; where the limit on the same reading cannot tell, the eye is told so, but for
/// where nobody is sent to the candidate.
#[test]
fn a_check_does_not_look_better_than_the_limit_on_the_same_reading() {
    let checks = r#"
    [[checks]]
    name = "candidate errors"
    kind = "reading"
    reading = "error_ratio"
    below = "1 %"
    minimum_requests = 1
    [[checks]]
    name = "memory"
    kind = "reading"
    reading = "memory"
    below = "50 %"
    [[checks]]
    name = "balancer"
    kind = "balancer"
"#;
    let traffic = MANUAL.traffic.replace("lateness = \"5s\"", "lateness = \"30s\"").leak();
    let mut rig = Rig::ready(&Sections { traffic, more: checks, ..MANUAL });
    let shown = |rig: &Rig, name: &str| {
        let checks = rig.engine.snapshot().checks;
        let check = checks.into_iter().find(|check| check.name.as_str() == name).expect("a check of the plan");
        (check.verdict, check.detail.to_string(), check.few)
    };
    let own = (Verdict::Pass, "0.00% own checks".to_owned(), false);
    assert_eq!(shown(&rig, "candidate errors"), own, "before the first step");
    rig.advance("alice");
    rig.worlds[Role::Candidate].own_rate = -18.0;
    rig.wait(7_000);
    let (verdict, words, few) = shown(&rig, "candidate errors");
    assert!((verdict, few) == (Verdict::Unknown, true) && words.ends_with(" of 20 requests"), "{words}");
    assert_eq!(shown(&rig, "memory"), (Verdict::Pass, "40.0% < 50.0%".to_owned(), false));
    rig.worlds[Role::Candidate].own_rate = 0.5;
    rig.wait(10_000);
    rig.next_fates(&[Fate::Slow(900)]);
    assert!(matches!(rig.advance("alice"), Answer::Applied(_)));
    rig.wait(500);
    assert_eq!(rig.balancer.share(), 100, "{}", story(&rig));
    assert_eq!(shown(&rig, "balancer"), (Verdict::Warn, "10%, want 50%".to_owned(), false), "it has not landed");
    rig.roll_back("alice", None);
    // Connections that stay open still bring some.
    rig.worlds[Role::Candidate].own_rate = 3.0;
    rig.wait(10_000);
    let (verdict, _, few) = shown(&rig, "candidate errors");
    assert_eq!((rig.engine.phase(), verdict, few), (Phase::RollingBack, Verdict::Unknown, true));
    rig.worlds[Role::Candidate].own_rate = 0.5;
    rig.wait(7_000);
    assert_eq!((rig.engine.phase(), shown(&rig, "candidate errors")), (Phase::RollingBack, own.clone()));
    rig.wait(30_000);
    assert_eq!((rig.engine.phase(), shown(&rig, "candidate errors")), (Phase::RolledBack, own));
}

/// Of a rollback there is nothing to do only where this run drives and nothing has gone to the candidate.
#[test]
fn a_rollback_is_idle_before_the_first_step_only() {
    let is_idle = |rig: &Rig| rig.engine.snapshot().rollback_target.is_idle;
    let mut rig = Rig::ready(&MANUAL);
    assert!(is_idle(&rig));
    rig.advance("alice");
    rig.wait(7_000);
    assert!(!is_idle(&rig));
    let mut watching = Rig::in_mode(&MANUAL, Mode::Watch);
    watching.wait(7_000);
    assert!(!is_idle(&watching));
}

/// A keeper that only watches set nothing: whether the candidate is idle the balancer tells.
#[test]
fn to_one_that_watches_a_candidate_with_a_share_is_not_idle() {
    let more = "[[checks]]\nname = \"errors\"\nkind = \"reading\"\nreading = \"error_ratio\"\nbelow = \"1 %\"\nminimum_requests = 1\n";
    let mut rig = Rig::in_mode(&Sections { more, ..MANUAL }, Mode::Watch);
    let shown = |rig: &Rig| {
        let check = rig.engine.snapshot().checks.pop().expect("the last of the plan");
        (check.verdict, check.detail.to_string())
    };
    rig.wait(7_000);
    assert_eq!(shown(&rig), (Verdict::Pass, "0.00% own checks".to_owned()));
    let setting = split(&rig.balancer.layout, 100);
    rig.balancer.land(&setting);
    rig.worlds[Role::Candidate].own_rate = -18.0;
    rig.wait(7_000);
    let (verdict, words) = shown(&rig);
    assert!(verdict == Verdict::Unknown && words.ends_with(" of 20 requests"), "{words}");
    let gates = rig.engine.gates();
    let limit = gates.iter().find(|gate| gate.name.as_str() == "limit").expect("of the plan");
    assert!(!limit.detail.as_str().contains("idle"), "{limit:?}");
}
