//! The band, situation by situation: word, severity and every part, with its short form and the rank at which it goes.

use crate::engine::balancer::Fate;
use crate::engine::plans::{AUTOMATIC, LIMITS, MANUAL, STEPS, Sections};
use crate::engine::rig::{Disk, Rig, Scraping};
use crate::engine::script::Act::{self, *};
use crate::engine::script::does;
use warroom::domain::{Role, Verdict};
use warroom::engine::Mode;

/// `Warn HOLDING: at 10% by alice · R rolls back`; a part's `[short form]` and `(rank)` behind it.
fn band(rig: &Rig) -> String {
    let band = rig.engine.snapshot().band;
    let part = |part: &warroom::engine::BandPart| {
        let short = part.short.as_ref().map_or_else(String::new, |short| format!(" [{short}]"));
        let rank = if part.rank == 0 { String::new() } else { format!(" ({})", part.rank) };
        format!("{}{short}{rank}", part.words)
    };
    let parts: Vec<String> = band.parts.iter().map(part).collect();
    format!("{:?} {}: {}", band.severity, band.word, parts.join(" · "))
}

const CANDIDATE: Role = Role::Candidate;

/// From where a row begins, what is done, and the band after it.
type Row = (fn() -> Rig, &'static [Act], &'static str);

fn check(rows: &[Row]) {
    for (begin, acts, expected) in rows {
        let mut rig = begin();
        for act in *acts {
            does(&mut rig, act);
        }
        assert_eq!(band(&rig), *expected, "after {acts:?}");
    }
}

fn new() -> Rig {
    Rig::new(&MANUAL)
}

fn ready() -> Rig {
    Rig::ready(&MANUAL)
}

fn first() -> Rig {
    Rig::at_first_step(&MANUAL)
}

fn automatic() -> Rig {
    Rig::ready(&AUTOMATIC)
}

/// At the last step, one second after it was reached.
fn last() -> Rig {
    let mut rig = first();
    for seconds in [7, 1] {
        rig.advance("alice");
        rig.wait(seconds * 1_000);
    }
    rig
}

/// No reading is only a warning here, so that the band itself says BLIND.
fn warns() -> Rig {
    let limits = LIMITS.replace("absent = \"hold\"", "absent = \"warn\"");
    Rig::at_first_step(&Sections { limits: Box::leak(limits.into_boxed_str()), ..MANUAL })
}

/// The second step needs somebody's approval.
fn needs_approval() -> Rig {
    let steps = STEPS.replacen("split = \"50 %\"", "split = \"50 %\"\napproval = \"decision authority\"", 1);
    Rig::at_first_step(&Sections { steps: Box::leak(steps.into_boxed_str()), ..MANUAL })
}

/// The balancer says yes and takes half a minute.
fn late() -> Rig {
    let mut rig = first();
    rig.balancer.usual = Fate::LateYes(30_000);
    rig
}

/// With traffic of its own, so that the candidate does not run empty.
fn busy() -> Rig {
    let mut rig = first();
    rig.worlds[CANDIDATE].own_rate = 50.0;
    rig
}

fn watching() -> Rig {
    let mut rig = Rig::in_mode(&MANUAL, Mode::Watch);
    rig.come("alice");
    rig.wait(3_000);
    rig
}

#[test]
fn while_all_goes_well_it_says_where_the_run_stands_and_what_comes_next() {
    check(&[
        (new, &[Wait(1)], "Info PREFLIGHT: waiting for balancer · not read yet (2) · +5 gates (1)"),
        (
            new,
            &[Comes("alice"), Wait(20)],
            "Info PREFLIGHT: waiting for limit · 5xx CANDIDATE GREEN: not measured yet (2)",
        ),
        (ready, &[Check(Verdict::Fail), Wait(2_000)], "Warn PREFLIGHT: waiting for candidate health · answer (2)"),
        (
            ready,
            &[Metrics(CANDIDATE, Scraping::Silent), Wait(7_000)],
            "Info PREFLIGHT: waiting for feed candidate · last metrics 7 s old (2) · +1 gate (1)",
        ),
        (ready, &[], "Info READY: every gate is open · press A, then y, for 10%"),
        (ready, &[Advance("alice")], "Info RUNNING: SHIFTING 0% → 10% [SHIFTING to 10%] · waiting for the read-back"),
        (
            ready,
            &[Advance("alice"), Wait(4_000)],
            "Info RUNNING: at 10% · next: 50%, A opens in 3s · bake 00:02 of 00:05 (1)",
        ),
        (
            first,
            &[Advance("alice"), Wait(3_000)],
            "Info RUNNING: at 50% · next: 100%, A opens in 3s · hold point (2) · bake 00:02 of 00:05 (1)",
        ),
        (
            needs_approval,
            &[],
            "Info RUNNING: at 10% · A locked: decision authority must approve 50%: :approve · bake 00:05 of 00:05 (1)",
        ),
        (
            last,
            &[],
            "Info RUNNING: at 100% · completes by itself in 5s · bake 00:00 of 00:05 (1) · no key needed, H stops it (2)",
        ),
        (
            automatic,
            &[Advance("alice"), Wait(4_000)],
            "Info RUNNING: at 10% · next: 50%, goes by itself in 3s · bake 00:02 of 00:05 (1)",
        ),
        (
            automatic,
            &[Advance("alice"), Wait(4_000), Leaves("alice")],
            "Info RUNNING: at 10% · next: 50% by itself, waits for the driver · bake 00:02 of 00:05 (1)",
        ),
        (
            first,
            &[Suspend("alice", 600)],
            "Warn RUNNING: AUTO-ROLLBACK OFF until 11:33:34Z · at 10% · next: 50%, press A · bake 00:05 of 00:05 (1)",
        ),
        (
            last,
            &[Wait(8_000)],
            "Info COMPLETE: 100% on GREEN v2 [100% on GREEN] · auto-rollback on for 00:56 more [auto-rollback on for 00:56] · R still rolls back [R rolls back]",
        ),
        (
            last,
            &[Wait(80_000)],
            "Info COMPLETE: 100% on GREEN v2 [100% on GREEN] · watch over, no auto-rollback any more [watch over] · R still rolls back [R rolls back] · :end leaves it so (1)",
        ),
        (
            last,
            &[Wait(8_000), Metrics(CANDIDATE, Scraping::Silent), Wait(8_000)],
            "Warn COMPLETE: BLIND 8s: no candidate metrics [BLIND 8s] · 100% on GREEN v2 [100% on GREEN] · watched for 00:52 more [watch 00:52] · R still rolls back [R rolls back]",
        ),
        (first, &[End("alice")], "Info ENDED: the run has ended · the split stays as it is"),
        (watching, &[], "Info WATCHING: candidate 0% at the balancer · this keeper holds no write path"),
        (
            watching,
            &[Dark(0), Wait(2_000)],
            "Warn WATCHING: candidate ? at the balancer · this keeper holds no write path",
        ),
    ]);
}

#[test]
fn what_stops_the_run_comes_first() {
    check(&[
        (
            first,
            &[Check(Verdict::Fail), Wait(2_500)],
            "Warn RUNNING: at 10% · A locked: candidate health: answer · bake 00:05 of 00:05 (1)",
        ),
        (
            first,
            &[Errors(CANDIDATE, 0.03), Wait(4_500)],
            "Warn RUNNING: at 10% (1) · 5xx GREEN 3.00% > 2.00% · holds in 2s · rolls back over 5.00% (2) · A locked (1) · bake 00:05 of 00:05 (1)",
        ),
        (
            warns,
            &[Metrics(CANDIDATE, Scraping::Silent), Wait(7_000)],
            "Warn BLIND: no candidate metrics for 7 s [no metrics 7s] · does not roll back by itself [no auto-rollback] · A locked · values OLD (1) · H R work (2)",
        ),
        (
            warns,
            &[Next(&[Fate::Late(9_000)]), Advance("alice"), Metrics(CANDIDATE, Scraping::Silent), Wait(5_900)],
            "Warn BLIND: SHIFTING 10% → 50% [SHIFTING to 50%] · waiting for the read-back",
        ),
        (
            first,
            &[Hold("alice"), Metrics(CANDIDATE, Scraping::Silent), Wait(8_000)],
            "Warn HOLDING: BLIND 8s: no candidate metrics [BLIND 8s] · at 10% by alice since 11:23:34Z [by alice 11:23:34Z] · does not roll back by itself [no auto-rollback] · A locked (1) · R, then y, rolls back [R rolls back] (2)",
        ),
        (
            first,
            &[Failing(Role::Stable), Wait(4_000)],
            "Critical RUNNING: TARGET NOT READY: BLUE v1 · at 10% · A locked: rollback target: BLUE v1 is not ready to take traffic back [A locked] · bake 00:05 of 00:05 (1)",
        ),
        (
            first,
            &[Foreign(300), Wait(4_000)],
            "Critical FROZEN: DRIFT: SOMEBODY ELSE set 30% (wanted 10%) [SOMEBODY ELSE set 30%] · no auto-rollback (1) · :adopt keeps 30% · :reassert sets 10% again [:reassert sets 10%] · R rolls back to 0% [R to 0%] · since 11:23:34Z (2)",
        ),
        (
            first,
            &[Foreign(20), Metrics(CANDIDATE, Scraping::Silent), Wait(8_000)],
            "Critical FROZEN: DRIFT: SOMEBODY ELSE set 2% (wanted 10%) [SOMEBODY ELSE set 2%] · no auto-rollback (1) · :adopt keeps 2% · :complete or R rolls back to 0% [R to 0%] · since 11:23:34Z (2)",
        ),
        (
            first,
            &[Foreign(0), Wait(4_000)],
            "Critical FROZEN: DRIFT: an earlier or half-applied write, 0% (wanted 10%) [half-applied: 0%] · :adopt keeps 0% · :complete or R rolls back to 0% [R to 0%] · since 11:23:34Z (2)",
        ),
        (
            first,
            &[Hold("alice")],
            "Warn HOLDING: at 10% by alice since 11:23:34Z [by alice 11:23:34Z] · limits still roll back by themselves [auto-rollback on] (1) · A resumes (1) · R, then y, rolls back [R rolls back] (2)",
        ),
        (
            first,
            &[Suspend("alice", 600), Hold("alice")],
            "Warn HOLDING: AUTO-ROLLBACK OFF until 11:33:34Z · at 10% by alice since 11:23:34Z [by alice 11:23:34Z] · A resumes (1) · R, then y, rolls back [R rolls back] (2)",
        ),
        (
            first,
            &[Freeze(60_000)],
            "Critical HOLDING (auto): since 11:24:34Z [11:24:34Z] (1) · BALANCER UNREAD 60s · last read 10% · R is retried until it lands (1) · BLIND 60s: no candidate metrics [BLIND 60s] · the keeper stood still for 60 s, or its clock was set [the keeper stood still for 60 s, or…] · does not roll back by itself [no auto-rollback] · A locked (1) · R, then y, rolls back [R rolls back] (2)",
        ),
        (
            first,
            &[Errors(CANDIDATE, 0.03), Wait(9_000)],
            "Critical HOLDING (auto): since 11:23:40Z [11:23:40Z] (1) · 5xx GREEN 3.00% > 2.00% · over 5.00% rolls back by itself [rolls back over 5.00%] · A locked (1) · R, then y, rolls back [R rolls back] (2)",
        ),
        (
            first,
            &[Errors(CANDIDATE, 0.03), Wait(9_000), Errors(CANDIDATE, 0.0), Wait(8_000)],
            "Critical HOLDING (auto): since 11:23:40Z [11:23:40Z] (1) · 5xx GREEN was 3.00% > 2.00%, now 0.00% (ok) [5xx GREEN was 3.00%, now ok] · over 5.00% rolls back by itself [rolls back over 5.00%] · A resumes (1) · R, then y, rolls back [R rolls back] (2)",
        ),
    ]);
}

#[test]
fn on_the_way_back_it_says_how_far_that_is() {
    check(&[
        (
            first,
            &[Rollback("alice")],
            "Critical ROLLING BACK: by alice · to BLUE v1: [] (3) · sending · since 11:23:34Z (2)",
        ),
        (
            first,
            &[Rollback("alice"), Wait(10)],
            "Critical ROLLING BACK: by alice · to BLUE v1: [] (3) · sent, attempt 1 · since 11:23:34Z (2)",
        ),
        (
            late,
            &[Rollback("alice"), Wait(500)],
            "Critical ROLLING BACK: by alice · to BLUE v1: [] (3) · accepted by the balancer +0.0s, reading back [accepted +0.0s, reading back] · since 11:23:34Z (2)",
        ),
        (
            late,
            &[Rollback("alice"), Wait(5_000)],
            "Critical ROLLING BACK: by alice · to BLUE v1: [] (3) · NOT IN EFFECT yet: still 10% on candidate [NOT IN EFFECT: at 10%] · sent again by itself, attempt 7 [retries by itself] (1) · may take 1s more (3) · since 11:23:34Z (2)",
        ),
        (
            first,
            &[Next(&[Fate::Refused]), Rollback("alice"), Wait(50)],
            "Critical ROLLING BACK: by alice · to BLUE v1: [] (3) · sent, attempt 1 · since 11:23:34Z (2) · 403; still trying [still trying] (1)",
        ),
        (
            first,
            &[Suspend("alice", 600), Rollback("alice"), Wait(1_000)],
            "Critical ROLLING BACK: by alice · to BLUE v1: [] (3) · 0% read back +0.0s · confirming over 5s [confirming] (1) · since 11:23:34Z (2)",
        ),
        (
            first,
            &[OnDisk(Disk::Slow(900)), Rollback("alice"), Wait(500)],
            "Critical ROLLING BACK: by alice · to BLUE v1: [] (3) · 0% read back +0.1s · confirming over 5s [confirming] (1) · since 11:23:34Z (2) · (sent before its record) (3)",
        ),
        (
            first,
            &[Rollback("alice"), Wait(1_000), Foreign(300), Wait(1_000)],
            "Critical ROLLING BACK: FOREIGN candidate 30%, not sent over [FOREIGN candidate 30%] · since 11:23:34Z (1) · :sendagain or :adopt · blue=70000 green=30000 (2)",
        ),
        (
            busy,
            &[Rollback("alice"), Wait(9_000)],
            "Warn NEW TRAFFIC ON BLUE: 50 rps still on GREEN · since 11:23:34Z (1) · by alice (3)",
        ),
        (
            busy,
            &[Metrics(CANDIDATE, Scraping::Silent), Rollback("alice"), Wait(12_000)],
            "Warn NEW TRAFFIC ON BLUE: not proven that GREEN is empty: no metrics [GREEN not proven empty: no metrics] · since 11:23:34Z (1) · by alice (3)",
        ),
        (
            first,
            &[Rollback("alice"), Wait(9_000)],
            "Info ROLLED BACK: by alice · all traffic on BLUE v1 [on BLUE] · at 11:23:39Z [11:23:39Z] (1) · took 5.2s (2) · :restart begins a new run [:restart] (3)",
        ),
        (
            first,
            &[Rollback("alice"), Wait(9_000), Failing(Role::Stable), Wait(4_000)],
            "Info ROLLED BACK: by alice · all traffic on BLUE v1 [on BLUE] · at 11:23:39Z [11:23:39Z] (1) · took 5.2s (2) · :restart begins a new run [:restart] (3)",
        ),
    ]);
}
