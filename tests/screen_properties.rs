//! No number, no text and no size makes the screen panic, or lets a control character into a cell.

#[path = "support/scene.rs"]
mod scene;
#[path = "support/shots.rs"]
mod shots;

use proptest::prelude::*;
use ratatui::buffer::Buffer;
use shots::{Shot, all, auto_held, baking};
use std::time::Duration;
use unicode_width::UnicodeWidthStr;
use warroom::console::desk::Input;
use warroom::console::screen::{Look, Theme};
use warroom::domain::{Clean, Person, Rights, Verdict};
use warroom::engine::{ConfiguredView, MeasuredView};
use warroom::wire::Status;

const THEMES: [Theme; 5] = [Theme::Dark, Theme::Light, Theme::Cvd, Theme::Sixteen, Theme::Mono];
/// Keys that open each dialog, or zoom each panel at each reach of the charts; and none.
const PANELS: [&str; 29] = [
    "",
    "R",
    "A",
    "T",
    "?",
    "4\n",
    ":note x",
    "AO",
    "RZ",
    "11",
    "22j",
    "33w",
    "33ww",
    "33www",
    "44jjjj",
    "55k",
    "66jj",
    "k\n",
    "/e",
    "e",
    "p",
    "pk\njj",
    ":note\nx\ny",
    ":debug\n",
    ":",
    ":theme \t\t",
    ":end\n",
    "Rr",
    "Rr6ywhy",
];

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(-0.0),
        Just(1.000_000_1),
        Just(f64::MAX),
        Just(f64::MIN_POSITIVE),
        0.0..1.0,
    ]
}

fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,40}",
        ".{0,40}",
        Just("\x1b[31m\u{202e}\u{200b}evil\r\n\t\u{9b}0m".to_owned()),
        Just("\u{1f1e9}\u{1f1ea}漢字テスト👩‍👩‍👧 e\u{301}\u{301}\u{301}".to_owned()),
        Just("x".repeat(2000)),
        Just(String::new()),
    ]
}

fn look() -> impl Strategy<Value = Look> {
    (0..THEMES.len(), any::<bool>()).prop_map(|(theme, ascii)| Look { theme: THEMES[theme], ascii })
}

/// Before a rollback, and in one that somebody else's setting stopped.
fn state(is_back: bool) -> Status {
    if is_back { shots::shot("foreign").status.expect("a status") } else { auto_held() }
}

/// Every cell holds text that moves the cursor by what it is wide, and nothing else.
fn check(buffer: &Buffer, look: Look) {
    for cell in buffer.content() {
        let symbol = cell.symbol();
        assert!(symbol.chars().all(|c| !c.is_control()), "{symbol:?}");
        assert!(!symbol.contains(['\u{202e}', '\u{200b}', '\u{2066}']), "{symbol:?}");
        assert!((1..=2).contains(&symbol.width()), "{symbol:?}");
        assert!(!look.ascii || symbol.is_ascii(), "{symbol:?}");
        if look.theme == Theme::Mono {
            assert_eq!((cell.fg, cell.bg), (ratatui::style::Color::Reset, ratatui::style::Color::Reset));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, rng_seed: proptest::test_runner::RngSeed::Fixed(7), ..ProptestConfig::default() })]

    #[test]
    fn hazard_20_and_21_any_number_at_any_size(
        share in number(), values in prop::collection::vec(number(), 8), points in prop::collection::vec(prop::option::of(any::<f32>()), 0..400),
        width in 0..300_u16, height in 0..100_u16, panel in 0..PANELS.len(), look in look(), silent in 0..100_000_u64, is_back: bool,
    ) {
        let mut status = state(is_back);
        let snapshot = &mut status.snapshot;
        snapshot.split.configured = Some(ConfiguredView {
            share, nodes: vec![("a".into(), Some(values[0])), ("b".into(), None)], even: values[1] > 0.5,
        });
        snapshot.split.measured = Some(MeasuredView {
            value: values[2], low: values[3], high: values[4], newest: snapshot.mono, requests: u32::MAX, failed: 3, unknown: u32::MAX,
        });
        snapshot.split.still_on_candidate = Some(values[5]);
        snapshot.environments.stable.rate = Some(values[6]);
        snapshot.environments.candidate.rate = Some(values[7]);
        for (index, signal) in snapshot.signals.iter_mut().enumerate() {
            signal.value = Ok(values[index]);
            signal.absence = None;
            signal.last_known = Some(values[index + 2]);
            signal.limit = Some(values[index + 4]);
            signal.requests = Some(u64::MAX);
            signal.points.clone_from(&points);
            signal.hour.clone_from(&points);
            signal.baseline = Some(values[index + 3]);
        }
        snapshot.failed_on_candidate = (u64::MAX, u64::MAX);
        for guardrail in &mut snapshot.guardrails {
            guardrail.value = Some(values[0]);
        }
        let shot = Shot::from_status("numbers", status).keys(PANELS[panel]).later(silent);
        check(&shot.buffer(width, height, look), look);
    }

    #[test]
    fn any_text_at_any_size(
        texts in prop::collection::vec(words(), 12), width in 0..300_u16, height in 0..100_u16,
        panel in 0..PANELS.len(), look in look(), readonly in any::<bool>(), is_back: bool,
    ) {
        let mut status = state(is_back);
        let clean = |index: usize| Clean::new(&texts[index]);
        let snapshot = &mut status.snapshot;
        snapshot.title = clean(0);
        snapshot.name = clean(1);
        snapshot.band.text = clean(2);
        for part in &mut snapshot.band.parts {
            part.words = clean(2);
            part.short = Some(clean(11));
        }
        snapshot.band.word = clean(3);
        snapshot.environments.stable.chip = clean(4);
        snapshot.environments.candidate.label = clean(5);
        snapshot.rollback_target.words = clean(6);
        snapshot.no_return = (texts[0].len() > 20).then(|| clean(7));
        for check in &mut snapshot.checks {
            check.name = clean(8);
            check.detail = clean(9);
            check.raw = clean(10);
        }
        for gate in &mut snapshot.gates {
            gate.name = clean(10);
            gate.detail = clean(11);
        }
        for guardrail in &mut snapshot.guardrails {
            guardrail.words = clean(0);
            guardrail.limits = clean(1);
        }
        for signal in &mut snapshot.signals {
            signal.value = Err(clean(2));
        }
        for step in &mut snapshot.steps {
            step.approval = Some((clean(3), Some(clean(4))));
            step.no_return = snapshot.no_return.clone();
        }
        if let Some(rollback) = &mut snapshot.rollback {
            rollback.by = clean(5);
            rollback.reason = clean(6);
            rollback.last_error = Some(clean(7));
            rollback.foreign = Some(clean(8));
        }
        if let Some(held) = &mut snapshot.held {
            held.by = clean(9);
            held.why = clean(10);
        }
        if let Some(configured) = &mut snapshot.split.configured {
            configured.nodes = vec![(clean(11), Some(0.5)), (clean(0), None)];
        }
        snapshot.environments.stable.health = Some((Verdict::Fail, clean(1)));
        snapshot.lever = Some((clean(2), Some(clean(3))));
        snapshot.violation = Some(clean(4));
        snapshot.journal_trouble = Some(clean(5));
        snapshot.suspended = Some((clean(6), clean(7), snapshot.wall));
        snapshot.people.consoles = vec![(Person::claimed(clean(8), clean(9)), Rights::Full)];
        status.keeper.version = clean(10);
        let snapshot = &mut status.snapshot;
        for entry in &mut snapshot.log {
            entry.text = clean(2);
        }
        if let Some(driver) = &mut snapshot.people.driver {
            driver.name = clean(3);
        }
        let mut shot = Shot::from_status("texts", status).keys(PANELS[panel]);
        shot.rights = if readonly { Rights::ReadOnly } else { Rights::Full };
        let shot = shot.input(Input::Direct(texts[4].clone())).input(Input::Notice(texts[5].clone()));
        check(&shot.buffer(width, height, look), look);
    }

    /// What is typed is not `Clean` before it is drawn.
    #[test]
    fn any_typed_or_pasted_text(text in words(), width in 0..300_u16, height in 0..100_u16, field in 0..5_usize, look in look()) {
        let keys = [":", "AO", "AO\n", "/", ":note\n"][field];
        let shot = Shot::from_status("typed", auto_held()).keys(keys).input(Input::Paste(text));
        check(&shot.buffer(width, height, look), look);
    }
}

#[test]
fn pasted_invisible_and_bidi_characters_stay_out_of_every_cell() {
    for keys in [":", "AO", "AO\n", "/", ":note\n"] {
        let mut status = baking();
        status.snapshot.gates[0].verdict = Verdict::Pass;
        for gate in &mut status.snapshot.gates {
            gate.can_be_overridden = true;
        }
        let shot = Shot::from_status("typed", status).keys(keys);
        let shot = shot.input(Input::Paste("\u{202e}\u{200b}\u{2066}\u{9b}0m\x1b[31m漢".to_owned()));
        let look = Look { theme: Theme::Dark, ascii: false };
        check(&shot.buffer(80, 23, look), look);
    }
}

#[test]
fn hazard_21_every_state_at_every_small_size() {
    for shot in all() {
        for look in [shots::UNICODE, shots::ASCII, shots::MONO] {
            for width in (0..24).step_by(2) {
                for height in 0..9 {
                    check(&shot.buffer(width, height, look), look);
                }
            }
        }
    }
}

#[test]
fn every_state_around_the_borders_between_layouts() {
    for shot in all() {
        for width in [29, 30, 31, 79, 80, 81, 109, 110, 111, 299] {
            for height in [3, 4, 5, 21, 22, 23, 33, 34, 35, 99] {
                check(&shot.buffer(width, height, shots::UNICODE), shots::UNICODE);
            }
        }
    }
}

#[test]
fn every_zoom_at_small_sizes_and_around_the_borders_between_layouts() {
    let small = (0..24).step_by(3).flat_map(|width| (0..14).map(move |height| (width, height)));
    let borders = [60, 79, 80, 109, 110, 159, 160, 299];
    let borders =
        borders.into_iter().flat_map(|width| [13, 14, 21, 22, 33, 34, 49, 50, 99].map(|height| (width, height)));
    let sizes: Vec<(u16, u16)> = small.chain(borders).collect();
    for keys in ["11", "22", "33www", "44", "55", "6"] {
        for status in [baking(), auto_held()] {
            let shot = Shot::from_status("zoom", status).keys(keys);
            for (width, height) in &sizes {
                check(&shot.buffer(*width, *height, shots::UNICODE), shots::UNICODE);
            }
        }
    }
}

#[test]
fn many_checks_and_none() {
    for count in [0, 1, 9, 11, 40] {
        let mut status = baking();
        let one = status.snapshot.checks[0].clone();
        status.snapshot.checks = vec![one; count];
        let shot = Shot::from_status("checks", status).later(Duration::from_secs(1).as_millis() as u64);
        for (width, height) in [(80, 22), (80, 23), (120, 40), (40, 8)] {
            check(&shot.buffer(width, height, shots::UNICODE), shots::UNICODE);
        }
    }
}
