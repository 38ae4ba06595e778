//! Several rules of one cutover, and a hand that turns one of them: what `:reassert` makes whole again, and what it
//! leaves to whoever turned it.

mod support;

use serde_json::Value;
use std::fmt::Write as _;
use support::{BEFORE, Cutover, Fault, Moto, Running, need_moto, wait_until, weights};

type Weights = [Option<i32>; 2];

const HALF: Weights = [Some(999), Some(999)];

/// The sample's rule and listener, and two host rules more, all of them one split.
struct Four {
    cutover: Cutover,
    rules: [String; 2],
}

impl Four {
    #[track_caller]
    fn new() -> Self {
        let cutover = Cutover::new(Moto::shared());
        let stage = &cutover.stage;
        let hosts = [(20, "b.example.com"), (30, "c.example.com")];
        let rules =
            hosts.map(|(priority, host)| stage.moto.rule(&cutover.https, priority, host, vec![stage.both(100, 0)]));
        let mut more = String::new();
        for (name, arn) in ["b", "c"].iter().zip(&rules) {
            let _ = write!(more, "[[traffic.forwards]]\nname = \"{name}\"\narn = \"{arn}\"\n");
        }
        cutover.change(|text| text.replacen("[[traffic.forwards]]", &format!("{more}[[traffic.forwards]]"), 1));
        Self { cutover, rules }
    }

    /// At the sample's first step, with the load that this brings and the console that drives; `None` where moto is
    /// missing.
    #[track_caller]
    fn at_half() -> Option<(Self, Running)> {
        need_moto().then(|| {
            let four = Self::new();
            let console = four.cutover.run();
            four.cutover.home.advance("alice").exits(0);
            assert_eq!(four.held(), [HALF; 4]);
            four.cutover.flow(50);
            (four, console)
        })
    }

    /// All forwards' weights in the plan's order, green first.
    #[track_caller]
    fn held(&self) -> Vec<Weights> {
        let of_rule = |rule: &String| {
            let actions = weights(self.cutover.stage.moto.described(rule).actions());
            [0, 1].map(|side| actions[side].1)
        };
        let [https, http] = self.cutover.held().map(|weights| [weights[0], weights[1]]);
        self.rules.iter().map(of_rule).chain([https, http]).collect()
    }

    /// Another hand turns the rule for `c`.
    #[track_caller]
    fn turn(&self, green: i32, blue: i32) {
        let stage = &self.cutover.stage;
        stage.moto.set_rule(&self.rules[1], vec![stage.both(green, blue)]);
    }

    /// What differs, by the forward's name.
    #[track_caller]
    fn is_seen(&self, what: &str) -> Value {
        self.cutover.home.status_when(what, |status| {
            let nodes = status["drift"]["nodes"].as_array();
            nodes.is_some_and(|nodes| nodes.len() == 1 && nodes[0]["name"] == "c")
        })
    }

    /// Its readings may be between two windows: then it says so, and is asked again.
    #[track_caller]
    fn reasserts(&self) {
        wait_until("it is set again", || self.cutover.home.run(["reassert", "--as", "alice"]).code == 0);
        assert_eq!(self.held(), [HALF; 4], "whole, and read back");
        let status = self.cutover.home.status();
        assert_eq!(status["drift"], Value::Null, "{status:#?}");
    }
}

#[test]
fn a_rule_that_another_hand_turned_is_set_again_and_one_that_was_turned_back_is_not() {
    let Some((four, _console)) = Four::at_half() else { return };
    let home = &four.cutover.home;
    let whole = four.cutover.word_for_word();

    four.turn(1, 999);
    let status = four.is_seen("one of four rules is another hand's");
    let drift = &status["drift"];
    assert_eq!(
        (&drift["from_percent"], &drift["nodes"][0]["wanted_percent"]),
        (&50.0.into(), &50.0.into()),
        "{drift:#?}"
    );
    let words = drift["words"].as_str().unwrap_or_default();
    assert!(words.contains("somebody else") && words.contains("c: "), "{words}");
    assert_eq!(status["split"]["converged"], false, "{status:#?}");
    let band = status["band"].as_str().unwrap_or_default();
    assert!(band.contains(":reassert"), "{band}");
    home.run(["advance", "--as", "alice"]).exits(1).says("drift");
    home.run(["reassert", "--as", "bob"]).exits(1).says("only the driver");
    assert_eq!(four.held()[1], [Some(1), Some(999)], "drift is never fought");
    four.reasserts();
    assert_eq!(four.cutover.word_for_word(), whole, "and nothing else of any rule is changed");

    // Somebody took a host out of it: to put it back in is nobody's decision here.
    four.turn(1, 0);
    four.is_seen("it is turned back");
    home.run(["reassert", "--as", "alice"]).exits(1).says("more than somebody else left it");
    assert_eq!(four.held(), [HALF, [Some(1), Some(0)], HALF, HALF]);
    home.run(["rollback", "--yes", "--as", "bob"]).exits(0);
    assert_eq!(four.held(), [BEFORE; 4], "whole");
}

/// AWS takes three of four calls: the step is not reached, and the re-assert brings the three back to where all were
/// read last. From there the step is one like any other.
#[test]
fn a_step_that_one_rule_missed_is_made_whole_and_then_taken() {
    let Some((four, _console)) = Four::at_half() else { return };
    let home = &four.cutover.home;
    home.ready();
    let missed: &'static str = String::leak(four.rules[1].rsplit('/').next().expect("an id").to_owned());
    four.cutover.stage.moto.proxy.fail_where("ModifyRule", missed, Fault::Status(503));
    home.run(["advance", "--as", "alice"]).exits(1);
    let all = [Some(0), Some(999)];
    assert_eq!(four.held(), [all, HALF, all, all]);
    let status = home.status_when("half-applied is said", |status| {
        status["drift"]["words"].as_str().is_some_and(|words| words.contains("half-applied"))
    });
    assert_eq!(status["drift"]["nodes"].as_array().map(Vec::len), Some(3), "{status:#?}");
    assert!(home.history().contains("half applied, 3 of 4 forwards: c: AWS has trouble of its own"));
    four.cutover.stage.moto.proxy.mend();
    four.reasserts();
    home.ready();
    home.run(["resume", "--as", "alice"]).exits(0);
    home.advance("alice").exits(0);
    assert_eq!(four.held(), [all; 4]);
    home.run(["rollback", "--yes", "--as", "alice"]).exits(0);
    assert_eq!(four.held(), [BEFORE; 4]);
}
