//! Scenarios as data: acts go in, and between them stands what must then be so.

use super::balancer::{Fate, split};
use super::plans::Sections;
use super::rig::{Disk, Rig, Scraping};
use std::time::Duration;
use warroom::domain::{Clean, Role, Verdict};
use warroom::engine::{Answer, Command, Direction, Gate, Health, Phase};

/// One line of a scenario: something that is done or happens, or something that must be so.
#[derive(Debug, Clone)]
pub enum Act {
    Comes(&'static str),
    Leaves(&'static str),
    /// Milliseconds.
    Wait(u64),
    Advance(&'static str),
    Override(&'static str, &'static str, &'static str),
    Hold(&'static str),
    Resume(&'static str),
    Rollback(&'static str),
    RollbackTyped(&'static str, &'static str),
    Take(&'static str),
    Approve(&'static str),
    Adopt(&'static str),
    Reassert(&'static str),
    Complete(&'static str),
    SendAgain(&'static str),
    Suspend(&'static str, u64),
    Unsuspend(&'static str),
    End(&'static str),
    /// The next writes' fates.
    Next(&'static [Fate]),
    /// Somebody else sets the candidate to so many permille.
    Foreign(u32),
    /// The node cannot be read.
    Dark(usize),
    Errors(Role, f64),
    OwnRate(f64),
    Metrics(Role, Scraping),
    Healthy(Role),
    Failing(Role),
    Check(Verdict),
    OnDisk(Disk),
    Freeze(u64),

    Is(Phase),
    /// The candidate's true share in permille.
    Share(u16),
    Said(&'static str),
    Unsaid(&'static str),
    Applied(&'static str),
    Refused(&'static str),
    /// Forward and back writes so far.
    Sent(usize, usize),
    /// Some gate of this name is closed with these words.
    Locked(&'static str, &'static str),
    Open(&'static str),
}

/// Plays a scenario and stops at the first line that is not so.
pub fn play(sections: &Sections, acts: &[Act]) -> Rig {
    let mut rig = Rig::new(sections);
    let mut answer = None;
    for (line, act) in acts.iter().enumerate() {
        let place = || format!("line {line}: {act:?}");
        if let Some(given) = does(&mut rig, act) {
            answer = Some(given);
        }
        must_be(&rig, act, answer.as_ref(), &place());
    }
    assert_eq!(rig.engine.snapshot().violation, None);
    rig
}

/// Does one act; gives the answer when it was a command.
pub fn does(rig: &mut Rig, act: &Act) -> Option<Answer> {
    let answer = match act {
        Act::Advance(who) => rig.advance(who),
        Act::Override(who, typed, reason) => rig.override_with(who, typed, reason),
        Act::Hold(who) => rig.ask_for(who, Command::Hold),
        Act::Resume(who) => rig.resume(who),
        Act::Rollback(who) => rig.roll_back(who, None),
        Act::RollbackTyped(who, typed) => rig.roll_back(who, Some(typed)),
        Act::Take(who) => rig.ask_for(who, Command::Take),
        Act::Approve(who) => rig.ask_for(who, Command::Approve),
        Act::Adopt(who) => rig.ask_for(who, Command::Adopt),
        Act::Reassert(who) => rig.reassert(who),
        Act::Complete(who) => rig.ask_for(who, Command::Complete),
        Act::SendAgain(who) => rig.ask_for(who, Command::SendAgain),
        Act::Suspend(who, seconds) => {
            let lasting = Duration::from_secs(*seconds);
            rig.ask_for(who, Command::Suspend { lasting, reason: "load test".into() })
        }
        Act::Unsuspend(who) => rig.ask_for(who, Command::Unsuspend),
        Act::End(who) => rig.ask_for(who, Command::End),
        Act::Comes(who) => {
            rig.come(who);
            return None;
        }
        Act::Leaves(who) => {
            rig.leave(who);
            return None;
        }
        Act::Wait(ms) => {
            rig.wait(*ms);
            return None;
        }
        Act::Freeze(ms) => {
            rig.freeze(*ms);
            return None;
        }
        Act::Next(fates) => {
            rig.next_fates(fates);
            return None;
        }
        Act::Foreign(permille) => {
            let setting = split(&rig.balancer.layout, *permille);
            rig.balancer.land(&setting);
            return None;
        }
        Act::Dark(node) => {
            rig.balancer.dark.insert(*node);
            return None;
        }
        Act::Errors(role, ratio) => {
            rig.worlds[*role].errors = *ratio;
            return None;
        }
        Act::OwnRate(rate) => {
            rig.worlds[Role::Candidate].own_rate = *rate;
            return None;
        }
        Act::Metrics(role, scraping) => {
            rig.worlds[*role].scraping = scraping.clone();
            return None;
        }
        Act::Healthy(role) => {
            rig.worlds[*role].health = Some(Health::Healthy);
            return None;
        }
        Act::Failing(role) => {
            rig.worlds[*role].health = Some(Health::Failing("503".into()));
            return None;
        }
        Act::Check(verdict) => {
            rig.checks[0] = Some(*verdict);
            return None;
        }
        Act::OnDisk(disk) => {
            rig.disk = *disk;
            return None;
        }
        Act::Is(_)
        | Act::Share(_)
        | Act::Said(_)
        | Act::Unsaid(_)
        | Act::Applied(_)
        | Act::Refused(_)
        | Act::Sent(..)
        | Act::Locked(..)
        | Act::Open(_) => return None,
    };
    Some(answer)
}

fn must_be(rig: &Rig, act: &Act, answer: Option<&Answer>, place: &str) {
    match act {
        Act::Is(phase) => assert_eq!(rig.engine.phase(), *phase, "{place}\n{}", story(rig)),
        Act::Share(permille) => assert_eq!(rig.balancer.share(), *permille, "{place}\n{}", story(rig)),
        Act::Said(words) => assert!(rig.said(words), "{place}\n{}", story(rig)),
        Act::Unsaid(words) => assert!(!rig.said(words), "{place}\n{}", story(rig)),
        Act::Applied(words) => {
            let Some(Answer::Applied(done)) = answer else { panic!("{place}: {answer:?}\n{}", story(rig)) };
            assert!(done.as_str().contains(words), "{place}: {done}");
        }
        Act::Refused(words) => {
            let Some(Answer::Refused(why)) = answer else { panic!("{place}: {answer:?}\n{}", story(rig)) };
            assert!(why.iter().any(|why| why.as_str().contains(words)), "{place}: {why:?}");
        }
        Act::Sent(forward, back) => {
            let sent = (rig.sent(Direction::Forward), rig.sent(Direction::Back));
            assert_eq!(sent, (*forward, *back), "{place}\n{}", story(rig));
        }
        Act::Locked(name, words) => {
            let gates = rig.engine.gates();
            let found = gates
                .iter()
                .any(|gate| gate.name.as_str() == *name && !gate.is_open() && gate.detail.as_str().contains(words));
            assert!(found, "{place}\n{gates:#?}");
        }
        Act::Open(name) => {
            let gates = rig.engine.gates();
            let mut named = gates.iter().filter(|gate| gate.name.as_str() == *name).peekable();
            assert!(named.peek().is_some() && named.all(Gate::is_open), "{place}\n{gates:#?}");
        }
        Act::Comes(_)
        | Act::Leaves(_)
        | Act::Wait(_)
        | Act::Advance(_)
        | Act::Override(..)
        | Act::Hold(_)
        | Act::Resume(_)
        | Act::Rollback(_)
        | Act::RollbackTyped(..)
        | Act::Take(_)
        | Act::Approve(_)
        | Act::Adopt(_)
        | Act::Reassert(_)
        | Act::Complete(_)
        | Act::SendAgain(_)
        | Act::Suspend(..)
        | Act::Unsuspend(_)
        | Act::End(_)
        | Act::Next(_)
        | Act::Foreign(_)
        | Act::Dark(_)
        | Act::Errors(..)
        | Act::OwnRate(_)
        | Act::Metrics(..)
        | Act::Healthy(_)
        | Act::Failing(_)
        | Act::Check(_)
        | Act::OnDisk(_)
        | Act::Freeze(_) => {}
    }
}

/// The run as its log tells it, for a failed line.
pub fn story(rig: &Rig) -> String {
    let line = |entry: &warroom::engine::Entry| format!("{:>8.3} {}", entry.mono.micros() as f64 / 1e6, entry.text);
    let lines: Vec<String> = rig.lines().map(line).collect();
    let last = lines.len().saturating_sub(40);
    lines[last..].join("\n")
}

/// The words a command was refused with; panics when it was not refused.
pub fn refusal(answer: &Answer) -> String {
    match answer {
        Answer::Refused(why) => why.iter().map(Clean::as_str).collect::<Vec<_>>().join("; "),
        Answer::Applied(_) | Answer::Late(_) => panic!("not refused: {answer:?}"),
    }
}
