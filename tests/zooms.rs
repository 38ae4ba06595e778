//! Each panel with the focus and with the whole room, and the charts at each reach.

#[path = "support/scene.rs"]
mod scene;
#[path = "support/shots.rs"]
mod shots;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};
use scene::{Scene, alice, bob, demo_text, plan_of};
use shots::{ASCII, MONO, Shot, UNICODE, auto_held, baking, text_of};
use warroom::console::desk::Panel;
use warroom::console::screen::{self, Look, Theme};
use warroom::domain::{Clean, PerRole, Person, Rights};
use warroom::engine::{Command, Event, HOUR_POINTS, Mode, SERIES_POINTS};
use warroom::wire::{FromKeeper, Status, encode};

const SIZES: [(u16, u16); 5] = [(80, 22), (80, 23), (100, 30), (120, 40), (200, 60)];
const LOOKS: [Theme; 5] = [Theme::Dark, Theme::Light, Theme::Cvd, Theme::Sixteen, Theme::Mono];

/// Held at 25 %, with one who only looks and one whose name nobody proved; a command was refused.
fn crowded() -> Status {
    let mut scene = Scene::at_step(2);
    scene.event(Event::ConsoleCame { console: 2, by: bob(), rights: Rights::ReadOnly });
    scene.event(Event::ConsoleCame { console: 3, by: Person::claimed("carol", "root"), rights: Rights::Full });
    scene.command(bob(), Command::Note { text: Clean::new("errors look like the payment provider") });
    scene.command(alice(), Command::Hold);
    scene.run(30.0);
    scene.error_ratio.candidate = 0.062;
    scene.run(10.0);
    scene.status()
}

fn zoomed(keys: &str, status: Status) -> Shot {
    Shot::from_status("zoomed", status).keys(keys).later(100).heard()
}

fn rows(buffer: &Buffer, from: u16, to: u16) -> Vec<String> {
    (from..to).map(|y| (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect()).collect()
}

/// A digit, and once more where the panel has the focus already or is not shown by itself.
const ZOOMS: [(&str, &str); 6] =
    [("traffic", "11"), ("phases", "22"), ("signals", "33"), ("checks", "44"), ("log", "5"), ("people", "6")];

#[test]
fn every_zoom_at_three_sizes() {
    for (name, keys) in ZOOMS {
        for (width, height) in [(80, 23), (120, 40)] {
            let text = zoomed(keys, crowded()).text(width, height, UNICODE);
            insta::assert_snapshot!(format!("{width}x{height}_{name}"), text);
        }
        insta::assert_snapshot!(format!("80x23_ascii_{name}"), zoomed(keys, crowded()).text(80, 23, ASCII));
        insta::assert_snapshot!(format!("79x24_{name}"), zoomed(keys, crowded()).text(79, 24, UNICODE));
    }
    insta::assert_snapshot!("200x60_people_beside", Shot::from_status("crowd", crowded()).text(200, 60, UNICODE));
}

/// Hazard 44: what tells the state is where it always is.
#[test]
fn hazard_44_no_zoom_hides_header_band_or_gauge() {
    for (width, height) in SIZES {
        let gauge_end = if width < 110 { 6 } else { 8 };
        let bare = Shot::from_status("bare", auto_held()).later(300).heard().buffer(width, height, UNICODE);
        for (name, keys) in ZOOMS {
            let zoomed = Shot::from_status("zoomed", auto_held()).keys(keys);
            let zoomed = zoomed.later(300 - 100 * keys.len() as u64).heard().buffer(width, height, UNICODE);
            for (bare, zoomed) in rows(&bare, 0, gauge_end).iter().zip(rows(&zoomed, 0, gauge_end)) {
                let thin = |text: &str| text.replace(['═', '╔', '╗', '╚', '╝', '║', '─', '┌', '┐', '└', '┘', '│'], "-");
                assert_eq!(thin(bare), thin(&zoomed), "{name} at {width}x{height}");
            }
            assert!(text_of(&zoomed).contains("R,y roll back"), "{name} at {width}x{height}");
        }
    }
}

/// A click meets the panel whose title is drawn there, whatever the layout; header, band and footer are none.
#[test]
fn pointing_at_a_title_finds_its_panel() {
    for (width, height) in SIZES {
        let area = Rect::new(0, 0, width, height);
        let shot = Shot::from_status("pointed", auto_held());
        let lines = rows(&shot.buffer(width, height, ASCII), 0, height);
        for panel in Panel::ALL {
            let title = format!("{} {}", panel.number(), panel_word(panel, width));
            let found = lines.iter().enumerate().find_map(|(y, line)| Some((line.find(&title)?, y)));
            let Some((x, y)) = found else {
                // Steps have no title on a narrow screen, and people a place only on the largest.
                assert!(width < 160 && (panel == Panel::People || width < 110 && panel == Panel::Phases), "{title}");
                continue;
            };
            let at = |y: usize| screen::panel_at(area, &shot.view(), x as u16, y as u16);
            assert_eq!(at(y), Some(panel), "{title} at {width}x{height}");
            assert_eq!([at(0), at(1), at(usize::from(height) - 1)], [None; 3], "{width}x{height}");
        }
    }
    let zoomed = Shot::from_status("pointed", auto_held()).keys("33");
    let area = Rect::new(0, 0, 80, 23);
    let at = |y| screen::panel_at(area, &zoomed.view(), 40, y);
    assert_eq!([at(3), at(6), at(21)], [Some(Panel::Traffic), Some(Panel::Signals), Some(Panel::Signals)]);
    let small = Rect::new(0, 0, 79, 24);
    assert_eq!(screen::panel_at(small, &zoomed.view(), 40, 10), None);
}

fn panel_word(panel: Panel, width: u16) -> &'static str {
    match panel {
        Panel::Traffic => "TRAFFIC",
        Panel::Phases => "PHASES",
        Panel::Signals if width < 110 => "SIGNALS",
        Panel::Signals => "5xx",
        Panel::Checks => "CHECKS",
        Panel::Log => "LOG",
        Panel::People => "PEOPLE",
    }
}

/// A dialog is decided on beside everything it is about: a zoom gives way to it, and comes back.
#[test]
fn a_dialog_over_a_zoom_is_the_dialog_of_the_whole_screen() {
    for (width, height) in SIZES {
        for (name, keys) in ZOOMS {
            for dialog in ["R", "A", "?"] {
                let zoomed =
                    Shot::from_status("zoomed", auto_held()).keys(keys).keys(dialog).text(width, height, UNICODE);
                for words in ["3 SIGNALS", "4 CHECKS", "✗ FAIL candidate 5xx"] {
                    let shown = zoomed.contains(words) || width >= 110 && words == "3 SIGNALS";
                    assert!(shown, "{name}, {dialog} at {width}x{height}: {words}\n{zoomed}");
                }
            }
            let back = Shot::from_status("zoomed", auto_held()).keys(keys).keys("Rn").later(5000).heard();
            assert!(back.desk.zoom().is_some(), "{name}");
        }
    }
}

/// The focus is seen in every theme, also where there is neither colour nor Unicode.
#[test]
fn the_focused_panel_looks_different() {
    for theme in LOOKS {
        for ascii in [false, true] {
            for (width, height) in [(80, 23), (120, 40), (200, 60)] {
                let look = Look { theme, ascii };
                let pictures: Vec<String> = ["1", "2", "3", "4", "4\t"]
                    .iter()
                    .map(|keys| {
                        let buffer =
                            Shot::from_status("focus", baking()).keys(keys).heard().buffer(width, height, look);
                        // Text alone, so that it does not rest on an ink.
                        text_of(&buffer).lines().skip(2).collect::<Vec<_>>().join("\n")
                    })
                    .collect();
                for (index, picture) in pictures.iter().enumerate() {
                    assert!(!pictures[index + 1..].contains(picture), "{theme:?} {ascii} {width}x{height}: {index}");
                }
            }
        }
    }
}

#[test]
fn the_reach_is_in_the_title_and_a_late_console_sees_the_hour() {
    let mut scene = Scene::at_step(1);
    scene.error_ratio.candidate = 0.5;
    scene.run(8.0);
    scene.error_ratio.candidate = 0.002;
    scene.run(1200.0);
    for (keys, words, seen) in
        [("", "chart 1m", false), ("w", "chart 5m", false), ("ww", "chart 15m", false), ("www", "chart 1h", true)]
    {
        for (width, height) in [(80, 23), (200, 60)] {
            let shot = Shot::of("late", &scene).keys(keys).heard();
            let buffer = shot.buffer(width, height, UNICODE);
            assert!(text_of(&buffer).contains(words), "{words}\n{}", text_of(&buffer));
            let plot_end = if width < 110 { 56 } else { 120 };
            let inked = (7..40.min(height)).any(|y| {
                (13..plot_end)
                    .any(|x| "▁▂▃▄▅▆▇█".contains(buffer[(x, y)].symbol()) && buffer[(x, y)].fg == Color::Indexed(203))
            });
            assert_eq!(inked, seen, "{words} at {width}x{height}\n{}", text_of(&buffer));
        }
    }
    let text = Shot::of("late", &scene).keys("wwww").text(80, 23, UNICODE);
    assert!(text.contains("chart 1m"), "{text}");
}

/// Every second to every console: an hour of it must not be more than a slow link carries.
#[test]
fn an_hour_of_charts_stays_small_on_the_wire() {
    let mut scene = Scene::at_step(1);
    // No two values alike, as in life.
    for part in 0..370 {
        let wave = f64::from(part * 37 % 101) / 997.0;
        scene.error_ratio = PerRole { stable: 0.0021 + wave / 90.0, candidate: 0.0024 + wave / 70.0 };
        scene.p99 = PerRole { stable: 0.094 + wave, candidate: 0.103 + wave };
        scene.run(10.0);
    }
    let status = scene.status();
    for signal in &status.snapshot.signals {
        assert_eq!((signal.points.len(), signal.hour.len()), (SERIES_POINTS, HOUR_POINTS));
    }
    let frame = encode(&FromKeeper::Status(Box::new(status)));
    assert!(frame.len() < 40_000, "{} bytes", frame.len());
}

#[test]
fn the_timeline_says_when_a_step_can_be_reached_and_what_that_waits_for() {
    let text = zoomed("22", baking()).text(120, 40, UNICODE);
    let line = |step: &str| text.lines().find(|line| line.contains(step)).unwrap_or_else(|| panic!("{step}\n{text}"));
    assert!(line(" 5% ").contains("reached 12:00:15Z T+00:00"), "{text}");
    assert!(line("► 25%").contains("plan T+00:20") && line("► 25%").contains("behind plan"), "{text}");
    assert!(line("○ 50%*").contains("not before 12:0"), "{text}");
    assert!(text.contains("plus the wait for the hold at 50%"), "{text}");
    assert!(text.contains("hold point: a person moves on from here"), "{text}");
    // Whoever reads an old picture must not plan with it.
    let old = Shot::from_status("old", baking()).keys("22").later(74_000).text(120, 40, UNICODE);
    assert!(old.contains("not before: ?") && !old.contains("not before 12"), "{old}");
    let back = Shot::from_status("back", shots::rolled_back_scene().status()).keys("22").text(120, 40, UNICODE);
    assert!(!back.contains("not before 1"), "{back}");
}

#[test]
fn an_approval_that_is_missing_is_waited_for_and_one_that_is_given_is_named() {
    let text = demo_text().replace("split = \"50 %\"\n", "split = \"50 %\"\napproval = \"ops\"\n");
    let mut scene = Scene::of(plan_of(&text), Mode::Drive);
    scene.run(15.0);
    scene.advance();
    scene.run(28.0);
    scene.advance();
    scene.run(10.0);
    // Notes are wrapped: only their words count.
    let words_of = |scene: &Scene| {
        let text = Shot::of("approval", scene).keys("22").text(120, 40, UNICODE).replace('║', " ");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let missing = words_of(&scene);
    let waits = "plus the wait for the approval of 50% and the hold at 50%";
    for words in ["needs the approval of ops: none yet", waits] {
        assert!(missing.contains(words), "{words}\n{missing}");
    }
    scene.event(Event::ConsoleCame { console: 2, by: bob(), rights: Rights::Full });
    scene.command(bob(), Command::Approve);
    let given = words_of(&scene);
    assert!(given.contains("approved for ops by bob"), "{given}");
    assert!(given.contains("plus the wait for the hold at 50%"), "{given}");
}

/// A line that a plan is judged by stays in sight when there are more than fit.
#[test]
fn a_long_list_of_checks_scrolls_with_its_selection() {
    let mut status = baking();
    let one = status.snapshot.checks[0].clone();
    status.snapshot.checks = (0..40)
        .map(|n| warroom::engine::CheckView { name: Clean::new(format!("check {n:02}")), ..one.clone() })
        .collect();
    for keys in ["44", "4"] {
        let shot = Shot::from_status("many", status.clone()).keys(keys).keys(&"j".repeat(30));
        let buffer = shot.buffer(80, 23, MONO);
        let selected =
            (0..23).find(|y| (0..80).any(|x| buffer[(x, *y)].modifier.contains(Modifier::REVERSED)) && *y > 5);
        let row = selected.map(|y| rows(&buffer, y, y + 1).concat());
        assert!(row.as_ref().is_some_and(|row| row.contains("check 30")), "{keys}: {row:?}\n{}", text_of(&buffer));
    }
}
