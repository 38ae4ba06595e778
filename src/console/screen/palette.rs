//! The 256-colour palettes are what they say: readable on their background, and told apart whoever looks.
//!
//! Contrast is WCAG 2.1's ratio. Colours are compared as Machado et al. 2009 show them to people without one of the
//! three cones (matrices for severity 1.0, on linear light), by the distance in CIE L\*a\*b\* (ΔE 1976, D65).

use super::look::{Ink, Look, Theme};
use crate::domain::Role;
use ratatui::style::{Color, Style};

type Light = [f64; 3];

const SIGHTS: [(&str, [Light; 3]); 4] = [
    ("normal", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
    (
        "protan",
        [[0.152_286, 1.052_583, -0.204_868], [0.114_503, 0.786_281, 0.099_216], [-0.003_882, -0.048_116, 1.051_998]],
    ),
    (
        "deutan",
        [[0.367_322, 0.860_646, -0.227_968], [0.280_085, 0.672_501, 0.047_413], [-0.011_820, 0.042_940, 0.968_881]],
    ),
    (
        "tritan",
        [[1.255_528, -0.076_749, -0.178_779], [-0.078_411, 0.930_809, 0.147_602], [0.004_733, 0.691_367, 0.303_900]],
    ),
];

/// The linear light of a colour of the 6×6×6 cube or of the grey ramp.
fn light(style: Style) -> Light {
    const STEPS: [f64; 6] = [0.0, 95.0, 135.0, 175.0, 215.0, 255.0];
    let Some(Color::Indexed(index)) = style.fg else { panic!("{style:?} has no colour of the cube") };
    let linear = |byte: f64| {
        let part = byte / 255.0;
        if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    };
    if index >= 232 {
        return [linear(f64::from(index - 232) * 10.0 + 8.0); 3];
    }
    let cube = usize::from(index) - 16;
    [cube / 36, cube / 6 % 6, cube % 6].map(|step| linear(STEPS[step]))
}

fn times(matrix: &[Light; 3], light: Light) -> Light {
    matrix.map(|row| row.iter().zip(light).map(|(a, b)| a * b).sum::<f64>().clamp(0.0, 1.0))
}

fn contrast(light: Light, background: f64) -> f64 {
    let luminance = 0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2];
    (luminance.max(background) + 0.05) / (luminance.min(background) + 0.05)
}

fn lab(light: Light) -> Light {
    const XYZ: [Light; 3] = [
        [0.412_456_4, 0.357_576_1, 0.180_437_5],
        [0.212_672_9, 0.715_152_2, 0.072_175],
        [0.019_333_9, 0.119_192, 0.950_304_1],
    ];
    const WHITE: Light = [0.950_47, 1.0, 1.088_83];
    let part = |of: f64| if of > 216.0 / 24_389.0 { of.cbrt() } else { (24_389.0 / 27.0 * of + 16.0) / 116.0 };
    let xyz = XYZ.map(|row| row.iter().zip(light).map(|(a, b)| a * b).sum::<f64>());
    let [x, y, z] = [0, 1, 2].map(|axis| part(xyz[axis] / WHITE[axis]));
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

/// The inks that must be told apart: both environments, look, act, old.
fn inks(theme: Theme) -> [(&'static str, Light); 5] {
    let look = Look { theme, ascii: false };
    [
        ("BLUE", light(look.fill("blue", Role::Stable))),
        ("GREEN", light(look.fill("green", Role::Candidate))),
        ("WARN", light(look.ink(Ink::Warn))),
        ("CRIT", light(look.ink(Ink::Critical))),
        ("STALE", light(look.ink(Ink::Stale))),
    ]
}

/// The two inks that are most alike, to whom, and how far apart they are.
fn worst(theme: Theme) -> (f64, String) {
    let inks = inks(theme);
    let mut worst = (f64::INFINITY, String::new());
    for (sight, matrix) in &SIGHTS {
        for (index, (name, one)) in inks.iter().enumerate() {
            for (other_name, other) in &inks[index + 1..] {
                let [one, other] = [one, other].map(|ink| lab(times(matrix, *ink)));
                let distance = one.iter().zip(other).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
                if distance < worst.0 {
                    worst = (distance, format!("{name}/{other_name} {sight}"));
                }
            }
        }
    }
    worst
}

#[test]
fn every_ink_is_readable_on_its_background() {
    for (theme, background, figures) in [
        (Theme::Dark, 0.0, [9.1, 11.3, 15.0, 7.1, 7.0]),
        (Theme::Light, 1.0, [5.8, 4.5, 5.7, 10.3, 8.8]),
        (Theme::Cvd, 0.0, [5.6, 16.3, 15.0, 7.1, 5.3]),
    ] {
        for ((name, ink), figure) in inks(theme).into_iter().zip(figures) {
            let contrast = contrast(ink, background);
            assert!((contrast - figure).abs() < 0.06, "{theme:?} {name}: {contrast:.2}, not {figure}");
            // WCAG's level AA for text.
            assert!(contrast >= 4.5, "{theme:?} {name}: {contrast:.2}");
        }
        let dim = contrast(light(Look { theme, ascii: false }.ink(Ink::Dim)), background);
        assert!(dim >= 4.5, "{theme:?} dim: {dim:.2}");
    }
}

#[test]
fn the_least_difference_is_known_and_the_safe_palettes_is_large() {
    for (theme, figure, pair) in [
        (Theme::Dark, 7.0, "BLUE/STALE deutan"),
        (Theme::Light, 16.7, "WARN/CRIT deutan"),
        (Theme::Cvd, 39.4, "CRIT/STALE tritan"),
    ] {
        let (distance, worst) = worst(theme);
        assert!((distance - figure).abs() < 0.06, "{theme:?}: {distance:.2}, not {figure}");
        assert_eq!(worst, pair, "{theme:?}");
    }
}

/// An environment's word is black or white on its hue.
#[test]
fn the_word_on_a_chip_is_readable() {
    for theme in [Theme::Dark, Theme::Light, Theme::Cvd] {
        let look = Look { theme, ascii: false };
        for (chip, role) in [("blue", Role::Stable), ("green", Role::Candidate)] {
            let style = look.chip(chip, role);
            let word = if style.fg == Some(Color::White) { 1.0 } else { 0.0 };
            let ground = light(Style::new().fg(style.bg.expect("a chip has a ground")));
            assert!(contrast(ground, word) >= 4.5, "{theme:?} {chip}: {:.2}", contrast(ground, word));
        }
    }
}
