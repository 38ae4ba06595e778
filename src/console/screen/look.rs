//! Inks and glyphs. Healthy has no hue; an environment's hue is only in its chip and its part of the gauge.

use crate::domain::{Role, Verdict};
use crate::engine::Severity;
use ratatui::style::{Color, Modifier, Style};
use std::borrow::Cow;

/// How everything is drawn on this terminal.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// The palette.
    pub theme: Theme,
    /// Whether only ASCII is drawn.
    pub ascii: bool,
}

/// A palette.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    /// 256 colours on dark.
    Dark,
    /// 256 colours on light.
    Light,
    /// 256 colours on dark that no kind of colour-blindness takes for one another.
    Cvd,
    /// The 16 colours.
    Sixteen,
    /// No colour: bold, dim and reverse only.
    Mono,
}

/// An ink by its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// Nothing to say.
    Plain,
    /// Less important.
    Dim,
    /// More important, still healthy.
    Bold,
    /// Look.
    Warn,
    /// Act.
    Critical,
    /// Old or unknown.
    Stale,
}

impl Look {
    /// The style of an ink.
    pub fn ink(self, ink: Ink) -> Style {
        let bold = Style::new().add_modifier(Modifier::BOLD);
        let colour = |[dark, cvd, light]: [u8; 3], sixteen: Color| match self.theme {
            Theme::Dark => Style::new().fg(Color::Indexed(dark)),
            Theme::Cvd => Style::new().fg(Color::Indexed(cvd)),
            Theme::Light => Style::new().fg(Color::Indexed(light)),
            Theme::Sixteen => bold.fg(sixteen),
            Theme::Mono => bold,
        };
        match ink {
            Ink::Plain => Style::new(),
            Ink::Bold => bold,
            Ink::Dim => match self.theme {
                Theme::Dark | Theme::Cvd => Style::new().fg(Color::Indexed(247)),
                Theme::Light => Style::new().fg(Color::Indexed(241)),
                Theme::Sixteen | Theme::Mono => Style::new().add_modifier(Modifier::DIM),
            },
            Ink::Warn => colour([220, 220, 94], Color::Yellow),
            Ink::Critical => colour([203, 203, 88], Color::LightRed),
            Ink::Stale => colour([171, 165, 90], Color::Magenta),
        }
    }

    /// The ink of a verdict.
    pub fn verdict(self, verdict: Verdict) -> Style {
        self.ink(match verdict {
            Verdict::Pass => Ink::Plain,
            Verdict::Warn => Ink::Warn,
            Verdict::Unknown => Ink::Stale,
            Verdict::Fail => Ink::Critical,
        })
    }

    /// The ink of a log line.
    pub fn severity(self, severity: Severity) -> Style {
        self.ink(match severity {
            Severity::Info => Ink::Plain,
            Severity::Warn => Ink::Warn,
            Severity::Critical => Ink::Critical,
        })
    }

    /// The word chip of an environment: black or white on its hue.
    pub fn chip(self, colour: &str, role: Role) -> Style {
        match (self.theme, hue(colour, role)) {
            (Theme::Mono, _) => Style::new().add_modifier(Modifier::BOLD),
            // Black on the terminal's own blue cannot be read.
            (Theme::Sixteen, Hue::Blue) => Style::new().fg(Color::White).bg(Color::Blue),
            (Theme::Sixteen, Hue::Green) => Style::new().fg(Color::Black).bg(Color::Green),
            (Theme::Dark, hue) => Style::new().fg(Color::Black).bg(hue.dark()),
            (Theme::Cvd, hue) => Style::new().fg(Color::Black).bg(hue.cvd()),
            (Theme::Light, hue) => Style::new().fg(Color::White).bg(hue.light()),
        }
    }

    /// An environment's part of the gauge.
    pub fn fill(self, colour: &str, role: Role) -> Style {
        match (self.theme, hue(colour, role)) {
            (Theme::Mono, _) => Style::new(),
            (Theme::Sixteen, Hue::Blue) => Style::new().fg(Color::Blue),
            (Theme::Sixteen, Hue::Green) => Style::new().fg(Color::Green),
            (Theme::Dark, hue) => Style::new().fg(hue.dark()),
            (Theme::Cvd, hue) => Style::new().fg(hue.cvd()),
            (Theme::Light, hue) => Style::new().fg(hue.light()),
        }
    }

    /// The band: reversed when something is wrong or armed, so that it is seen without colour.
    pub fn band(self, severity: Severity) -> Style {
        match severity {
            Severity::Info => self.ink(Ink::Bold),
            Severity::Warn => self.ink(Ink::Warn).add_modifier(Modifier::BOLD),
            Severity::Critical => self.ink(Ink::Critical).add_modifier(Modifier::BOLD | Modifier::REVERSED),
        }
    }

    /// One of two texts: for Unicode, or for ASCII.
    pub fn glyph(self, unicode: &'static str, ascii: &'static str) -> &'static str {
        if self.ascii { ascii } else { unicode }
    }

    /// Text as it is drawn here: in ASCII an arrow is two characters, as `>` alone would read as a comparison.
    pub(super) fn spell(self, text: &str) -> Cow<'_, str> {
        if self.ascii { text.replace('→', "->").replace('±', "+-").into() } else { text.into() }
    }

    /// The mark and word of a verdict.
    pub fn verdict_words(self, verdict: Verdict) -> (&'static str, &'static str) {
        match verdict {
            Verdict::Pass => (self.glyph("✓", "+"), "ok"),
            Verdict::Warn => ("!", "WARN"),
            Verdict::Unknown => ("?", "OLD"),
            Verdict::Fail => (self.glyph("✗", "X"), "FAIL"),
        }
    }

    /// The mark of a severity in the log.
    pub fn severity_mark(self, severity: Severity) -> &'static str {
        match severity {
            Severity::Info => " ",
            Severity::Warn => "!",
            Severity::Critical => self.glyph("✗", "X"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hue {
    Blue,
    Green,
}

impl Hue {
    fn dark(self) -> Color {
        match self {
            Self::Blue => Color::Indexed(75),
            Self::Green => Color::Indexed(43),
        }
    }

    fn cvd(self) -> Color {
        match self {
            Self::Blue => Color::Indexed(67),
            Self::Green => Color::Indexed(50),
        }
    }

    fn light(self) -> Color {
        match self {
            Self::Blue => Color::Indexed(26),
            Self::Green => Color::Indexed(29),
        }
    }
}

/// The hue of a colour word; for any other word the role decides.
fn hue(colour: &str, role: Role) -> Hue {
    match (colour.to_ascii_lowercase().as_str(), role) {
        ("blue", _) => Hue::Blue,
        ("green", _) => Hue::Green,
        (_, Role::Stable) => Hue::Blue,
        (_, Role::Candidate) => Hue::Green,
    }
}
