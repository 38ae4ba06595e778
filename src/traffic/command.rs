//! Any balancer by the operator's own programs. They are not trusted with more than their exit code and one number:
//! what `set` says it did is read back by `get`, and what `get` prints must be exactly what the plan expects.

#![expect(clippy::disallowed_methods, reason = "secrets are read beside the runtime: a disk may hang")]

use super::http::{SUM_TOLERANCE, WEIGHTS_PER_PERCENT, tail};
use super::{Pending, Traffic};
use crate::domain::{
    BalancerState, Clean, NodeState, PerRole, Printed, Readiness, Role, Setting, Slot, SlotState, duration_words,
};
use crate::engine::WriteResult;
use crate::failpoint;
use crate::plan::{CommandDriver, Reading, Values};
use crate::remote::{self, SetupError, SetupTrouble};
use crate::script::{self, Done, Ending, Script};
use regex::Regex;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio::time::timeout;

pub(super) struct CommandTraffic {
    plan: CommandDriver,
    timeout: Duration,
    set: Arc<Script>,
    /// The same program under a mark of its own: a way back ends every `set`, and no other way back, which does what it
    /// does itself.
    back: Script,
    /// Made ready by the first look that can: until then the balancer is unreadable, and written all the same.
    get: OnceCell<Script>,
}

impl From<script::SetupError> for SetupError {
    fn from(error: script::SetupError) -> Self {
        Self { place: error.name, why: SetupTrouble::Script(error.why) }
    }
}

impl CommandTraffic {
    /// Makes ready what writes; an error of `get` is one of each look.
    pub fn new(plan: &CommandDriver, timeout: Duration) -> Result<Self, SetupError> {
        let set = Arc::new(Script::new(&plan.set, &format!("set {}", plan.balancer))?);
        let back = set.beside(&plan.set, &format!("back {}", plan.balancer))?;
        Ok(Self { plan: plan.clone(), timeout, set, back, get: OnceCell::new() })
    }

    /// Makes all of it ready: nothing goes forward that cannot be read.
    pub fn whole(plan: &CommandDriver, timeout: Duration) -> Result<Self, SetupError> {
        let made = Self::new(plan, timeout)?;
        let get = OnceCell::new_with(Some(made.set.beside(&plan.get, &get_of(plan))?));
        Ok(Self { get, ..made })
    }

    async fn get(&self) -> Result<&Script, Clean> {
        let made = || async {
            let (plan, set) = (self.plan.clone(), self.set.clone());
            let made = tokio::task::spawn_blocking(move || set.beside(&plan.get, &get_of(&plan))).await;
            made.map_err(|error| Clean::new(format!("get: {error}")))?
                .map_err(|error| Clean::new(format!("get: {}", error.why)))
        };
        self.get.get_or_try_init(made).await
    }

    async fn read_slots(&self) -> Result<Vec<SlotState>, Clean> {
        failpoint::pass("command get due");
        // Whoever reads waits no longer than this; what hangs is ended behind its back.
        let run = async { Ok::<_, Clean>(self.get().await?.run(&Values::default()).await) };
        let done = timeout(self.timeout, run).await;
        let done = done.map_err(|_| Clean::new(format!("get timed out after {}", duration_words(self.timeout))))??;
        failpoint::pass("command get ended");
        match done.ending {
            Ending::Exited(0) if done.is_cut => Err(Clean::new("get wrote more than can be an answer")),
            Ending::Exited(0) => printed_shares(&self.plan.reading, &done.stdout).map(|shares| slots(&shares)),
            Ending::NotStarted(_)
            | Ending::Exited(_)
            | Ending::Killed(_)
            | Ending::TimedOut(_)
            | Ending::TooMuch
            | Ending::Stopped
            | Ending::Unseen(_) => Err(Clean::new(format!("get: {}", done.words()))),
        }
    }

    /// What still gives the candidate something is ended first: it would land on what is set now.
    async fn bring_back(&self, values: &Values) -> WriteResult {
        let older = self.set.end_older().await;
        let result = self.run(&self.back, values).await;
        match older {
            Ok(()) => result,
            Err(why) => WriteResult::Unknown(Clean::new(format!(
                "an older set may still act: {why}; this one: {}",
                result.words().unwrap_or("accepted")
            ))),
        }
    }

    async fn run(&self, set: &Script, values: &Values) -> WriteResult {
        failpoint::pass("command set due");
        let done = set.run(values).await;
        failpoint::pass("command set ended");
        self.judge(&done)
    }

    fn judge(&self, done: &Done) -> WriteResult {
        let words = Clean::new(format!("set: {}", done.words()));
        match &done.ending {
            Ending::Exited(0) => WriteResult::Accepted,
            Ending::Exited(code) if self.plan.refused.contains(code) => WriteResult::Refused(words),
            Ending::NotStarted(_) => WriteResult::NotSent(words),
            Ending::Exited(_)
            | Ending::Killed(_)
            | Ending::TimedOut(_)
            | Ending::TooMuch
            | Ending::Stopped
            | Ending::Unseen(_) => WriteResult::Unknown(words),
        }
    }
}

/// What `get` acts on.
fn get_of(plan: &CommandDriver) -> String {
    format!("get {}", plan.balancer)
}

impl Traffic for CommandTraffic {
    fn read(&self) -> Pending<'_, BalancerState> {
        Box::pin(async {
            match self.read_slots().await {
                Ok(slots) => BalancerState { nodes: vec![NodeState { slots: Ok(slots) }], tag: None },
                Err(why) => BalancerState::unreadable(1, &why),
            }
        })
    }

    fn write(&self, setting: Setting, _tag: Option<String>) -> Pending<'_, WriteResult> {
        Box::pin(async move {
            let weight = |role: Role| setting.0.get(&Slot { node: 0, name: role.key().to_owned() }).copied();
            let (Some(stable), Some(candidate)) = (weight(Role::Stable), weight(Role::Candidate)) else {
                return WriteResult::NotSent("the setting has not both shares".into());
            };
            let values = Values(vec![("stable", percent(stable)), ("candidate", percent(candidate))]);
            if candidate == 0 { self.bring_back(&values).await } else { self.run(&self.set, &values).await }
        })
    }
}

/// A weight in percent, as short as it is exact: `12.5`.
fn percent(weight: u32) -> String {
    (f64::from(weight) / WEIGHTS_PER_PERCENT).to_string()
}

fn slots(shares: &PerRole<f64>) -> Vec<SlotState> {
    let slot = |role: Role| SlotState {
        name: role.key().to_owned(),
        weight: (shares[role] * WEIGHTS_PER_PERCENT).round() as u32,
        configured: None,
        readiness: Readiness::Up,
    };
    Role::BOTH.map(slot).to_vec()
}

/// Both shares in what was printed.
fn printed_shares(reading: &Reading, printed: &Printed) -> Result<PerRole<f64>, Clean> {
    let unsayable = || "what get printed cannot be read, and it cannot be shown: it has a secret in it".into();
    printed.read(|text| shares(reading, text), unsayable)
}

/// Both shares in percent as `get` printed them; numbers from 0 to 100 that make 100, each found exactly once.
pub fn shares(reading: &Reading, printed: &[u8]) -> Result<PerRole<f64>, Clean> {
    let side = |role: Role| -> Result<Option<f64>, Clean> {
        let found = match reading {
            Reading::Json(places) => places[role].as_ref().map(|place| number_at(place, printed)),
            Reading::Pattern(patterns) => patterns[role].as_ref().map(|pattern| number_in(pattern, printed)),
        };
        let found =
            found.transpose().map_err(|why| Clean::new(format!("{} share: {why}{}", role.key(), tail(printed))))?;
        match found {
            Some(number) if !(0.0..=100.0).contains(&number) => {
                Err(Clean::new(format!("{} share: {number} is not a percentage", role.key())))
            }
            found => Ok(found),
        }
    };
    match (side(Role::Stable)?, side(Role::Candidate)?) {
        (Some(stable), Some(candidate)) if (stable + candidate - 100.0).abs() > SUM_TOLERANCE => {
            Err(Clean::new(format!("stable {stable} and candidate {candidate} do not make 100")))
        }
        (Some(stable), Some(candidate)) => Ok(PerRole { stable, candidate }),
        (Some(stable), None) => Ok(PerRole { stable, candidate: 100.0 - stable }),
        (None, Some(candidate)) => Ok(PerRole { stable: 100.0 - candidate, candidate }),
        (None, None) => Err("the plan names no place of a share".into()),
    }
}

fn number_at(place: &str, printed: &[u8]) -> Result<f64, String> {
    let found =
        remote::look_at(printed, place).map_err(|error| format!("get printed no JSON that can be read: {error}"))?;
    found.as_f64().ok_or_else(|| format!("there is no number at {place:?}"))
}

fn number_in(pattern: &Regex, printed: &[u8]) -> Result<f64, String> {
    let text = std::str::from_utf8(printed).map_err(|_| "get printed what is no text".to_owned())?;
    let mut matches = pattern.captures_iter(text);
    let first = matches.next().ok_or_else(|| format!("nothing matches {pattern}"))?;
    if matches.next().is_some() {
        return Err(format!("more than one place matches {pattern}"));
    }
    let number = first.get(1).ok_or_else(|| format!("{pattern} matches without its number"))?.as_str();
    // Rust's own reader takes "inf", "NaN" and "1e2", which are no shares that anybody writes.
    let is_plain = number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    number.parse().ok().filter(|_| is_plain).ok_or_else(|| format!("{number:?} is no number"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan;

    fn read(reading: &Reading, printed: &str) -> Result<(f64, f64), String> {
        shares(reading, printed.as_bytes()).map(|both| (both.stable, both.candidate)).map_err(|why| why.to_string())
    }

    #[test]
    fn json_is_read_strictly() {
        let side = |place: &str| Some(place.to_owned());
        let both = Reading::Json(PerRole { stable: side("/lb/blue"), candidate: side("/lb/green") });
        assert_eq!(read(&both, r#"{"lb":{"blue":87.5,"green":12.5}}"#), Ok((87.5, 12.5)));
        let one = Reading::Json(PerRole { stable: None, candidate: side("green") });
        assert_eq!(read(&one, r#"{"green":12.5}"#), Ok((87.5, 12.5)));
        for (bad, why) in [
            ("", "candidate share: get printed no JSON"),
            (r#"{"green":12.5"#, "get printed no JSON"),
            (r#"{"green":12.5,"green":1}"#, "is there twice"),
            (r#"{"green":"12.5"}"#, "there is no number at \"green\""),
            (r#"{"green":null}"#, "there is no number"),
            (r#"{"blue":1}"#, "there is no number"),
            (r#"{"green":-1}"#, "-1 is not a percentage"),
            (r#"{"green":100.1}"#, "100.1 is not a percentage"),
            (r#"{"green":1e999}"#, "get printed no JSON"),
        ] {
            assert!(read(&one, bad).expect_err(bad).contains(why), "{bad}: {:?}", read(&one, bad));
        }
        assert!(read(&both, r#"{"lb":{"blue":60,"green":60}}"#).expect_err("too much").contains("do not make 100"));
    }

    #[test]
    fn a_pattern_must_match_exactly_once() {
        let pattern = |text: &str| Some(Regex::new(text).expect("a pattern"));
        let one = Reading::Pattern(PerRole { stable: None, candidate: pattern(r"green\s+(\S*)%") });
        assert_eq!(read(&one, "blue 90%\ngreen 10%\n"), Ok((90.0, 10.0)));
        for (bad, why) in [
            ("", "nothing matches"),
            ("blue 90%", "nothing matches"),
            ("green 10%\ngreen 20%", "more than one place matches"),
            ("green ten%", "\"ten\" is no number"),
            ("green %", "\"\" is no number"),
            ("green NaN%", "\"NaN\" is no number"),
            ("green inf%", "\"inf\" is no number"),
            ("green 1e1%", "\"1e1\" is no number"),
            ("green -1%", "\"-1\" is no number"),
            ("green 101%", "101 is not a percentage"),
            ("green 1.2.3%", "\"1.2.3\" is no number"),
        ] {
            assert!(read(&one, bad).expect_err(bad).contains(why), "{bad}: {:?}", read(&one, bad));
        }
        assert!(shares(&one, b"green 10%\xff").expect_err("no text").as_str().contains("no text"));
        let maybe = Reading::Pattern(PerRole { stable: None, candidate: pattern("green(?: ([0-9]+)%)?") });
        assert!(read(&maybe, "green").expect_err("no number").contains("without its number"));
    }

    #[tokio::test]
    async fn a_secret_that_is_a_word_of_the_answer_does_not_make_it_unknown() {
        let folder = tempfile::tempdir().expect("a folder");
        let secret = folder.path().join("secret");
        let script = |text: &str| plan::Script {
            run: plan::Run::Shell(text.to_owned()),
            env: vec![("COLOUR".to_owned(), plan::Secret::File(secret.clone()))],
            timeout: Duration::from_secs(30),
            directory: folder.path().to_owned(),
        };
        let place = |place: &str| Some(place.to_owned());
        let driver = |get: &str| CommandDriver {
            balancer: "edge".into(),
            set: script("true"),
            refused: Vec::new(),
            get: script(get),
            reading: Reading::Json(PerRole { stable: place("blue"), candidate: place("green") }),
        };
        std::fs::write(&secret, "green").expect("written");
        let print = r#"echo "{\"blue\":90,\"green\":10}""#;
        let whole = CommandTraffic::new(&driver(print), Duration::from_secs(30)).expect("readable");
        assert_eq!(whole.read_slots().await, Ok(slots(&PerRole { stable: 90.0, candidate: 10.0 })));
        // What is said of an answer that cannot be read has no secret in it, whatever it stands for there.
        std::fs::write(&secret, "s3cr3t").expect("written");
        for bad in [r#"echo "{\"blue\":90,\"green\":\"$COLOUR\"}""#, "echo $COLOUR", r#"echo "{\"blue\":1$COLOUR"}"#] {
            let broken = CommandTraffic::new(&driver(bad), Duration::from_secs(30)).expect("readable");
            let why = broken.read_slots().await.expect_err(bad);
            assert!(!why.as_str().contains("s3cr3t"), "{why}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_printed_is_two_shares_or_words(printed in r"(green|blue|[0-9.%\n -]){0,12}|\PC*") {
            let pattern = |text: &str| Some(Regex::new(text).expect("a pattern"));
            let both = Reading::Pattern(PerRole { stable: pattern("blue ?([^%]*)"), candidate: pattern("green ?([^%]*)") });
            match shares(&both, printed.as_bytes()) {
                Ok(both) => proptest::prop_assert!((both.stable + both.candidate - 100.0).abs() <= SUM_TOLERANCE),
                Err(why) => proptest::prop_assert!(!why.as_str().is_empty()),
            }
        }
    }

    #[test]
    fn shares_are_written_short_and_exact() {
        let written: Vec<String> = [0, 100_000, 12_500, 99_900, 100, 33_300].map(percent).to_vec();
        assert_eq!(written, ["0", "100", "12.5", "99.9", "0.1", "33.3"]);
    }
}
