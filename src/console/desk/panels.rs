//! Which panel has the focus, whether it has the whole room, and how far back the charts go.

use super::Desk;
use crate::domain::Mono;
use crate::wire::Status;

/// From this size on the screen has room for people and their commands beside the rest.
pub const PEOPLE_MIN: (u16, u16) = (160, 50);

/// Rows that are not a zoomed panel's lines, at most: header, band, gauge, keys and its frame.
const AROUND_ZOOM: u16 = 11;
/// Lines that the traffic panel has in full, without those of many nodes.
const TRAFFIC_LINES: usize = 20;

/// A panel that can have the focus, in the order of the numbers on screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Panel {
    /// Who gets how much.
    Traffic,
    /// The plan's steps.
    Phases,
    /// Errors and latency.
    Signals,
    /// The checks.
    Checks,
    /// The log.
    Log,
    /// Who is here, and what they did.
    People,
}

impl Panel {
    /// All of them, `1` first.
    pub const ALL: [Self; 6] = [Self::Traffic, Self::Phases, Self::Signals, Self::Checks, Self::Log, Self::People];

    /// The key that brings the focus to it.
    pub fn number(self) -> usize {
        Self::ALL.iter().position(|panel| *panel == self).unwrap_or(0) + 1
    }
}

/// How far back the charts go.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// A minute: what is happening.
    #[default]
    Minute,
    /// Five: a step's beginning.
    FiveMinutes,
    /// Fifteen: a longer bake.
    Quarter,
    /// The whole ring.
    Hour,
}

impl Reach {
    /// All of them, the shortest first.
    pub const ALL: [Self; 4] = [Self::Minute, Self::FiveMinutes, Self::Quarter, Self::Hour];

    /// In seconds.
    pub fn seconds(self) -> u64 {
        match self {
            Self::Minute => 60,
            Self::FiveMinutes => 300,
            Self::Quarter => 900,
            Self::Hour => 3600,
        }
    }

    /// As titles have it: `5m`.
    pub fn words(self) -> &'static str {
        match self {
            Self::Minute => "1m",
            Self::FiveMinutes => "5m",
            Self::Quarter => "15m",
            Self::Hour => "1h",
        }
    }

    fn next(self) -> Self {
        match self {
            Self::Minute => Self::FiveMinutes,
            Self::FiveMinutes => Self::Quarter,
            Self::Quarter => Self::Hour,
            Self::Hour => Self::Minute,
        }
    }
}

impl Desk {
    /// Whether people have a panel of their own without being asked for.
    fn shows_people(&self) -> bool {
        self.size.is_some_and(|(width, height)| width >= PEOPLE_MIN.0 && height >= PEOPLE_MIN.1)
    }

    /// A digit: its panel has the focus; once more, and it has the whole room, or gives it back.
    pub(super) fn choose(&mut self, digit: char) {
        let chosen = digit.to_digit(10).and_then(|number| Panel::ALL.get((number as usize).checked_sub(1)?));
        let Some(&panel) = chosen else { return };
        // What has no place beside the others is shown at once.
        let hidden = panel == Panel::People && !self.shows_people();
        if panel != self.focus {
            self.focus_on(panel);
            self.zoomed = hidden;
        } else if hidden && self.zoomed {
            self.unzoom();
        } else {
            self.zoomed = !self.zoomed;
        }
    }

    /// The next panel, or the one before, among those on screen.
    pub(super) fn next_panel(&mut self, forward: bool) {
        let all = if self.shows_people() { &Panel::ALL[..] } else { &Panel::ALL[..Panel::ALL.len() - 1] };
        let at = all.iter().position(|panel| *panel == self.focus).unwrap_or(0);
        let next = if forward { at + 1 } else { at + all.len() - 1 };
        self.focus_on(all[next % all.len()]);
    }

    /// A click brings the focus, and nothing else: what is open or being typed stays as it is.
    pub(super) fn point(&mut self, panel: Panel) {
        if !self.is_occupied() && panel != self.focus {
            self.focus_on(panel);
        }
    }

    fn focus_on(&mut self, panel: Panel) {
        self.focus = panel;
        self.zoomed = false;
        self.panel_from = 0;
    }

    /// The whole screen again; whether it was not.
    pub(super) fn unzoom(&mut self) -> bool {
        let was = std::mem::take(&mut self.zoomed);
        self.settle_focus();
        was
    }

    /// No focus on what is not on screen.
    pub(super) fn settle_focus(&mut self) {
        if self.focus == Panel::People && !self.zoomed && !self.shows_people() {
            self.focus_on(Panel::Log);
        }
    }

    /// The panel that has the whole room, below header, band and gauge. A dialog is read beside everything that it
    /// is about, so while one is open none has.
    pub fn zoom(&self) -> Option<Panel> {
        (self.zoomed && self.dialog.is_none()).then_some(self.focus)
    }

    /// The next reach of the charts.
    pub(super) fn next_reach(&mut self, now: Mono) {
        self.reach = self.reach.next();
        self.flash(format!("charts: last {}", self.reach.words()), now);
    }

    /// Scrolls a panel that has more lines than room. What is beyond its last line the screen does not show.
    pub(super) fn scroll_panel(&mut self, by: isize, status: &Status) {
        let snapshot = &status.snapshot;
        let lines = match self.focus {
            // Each step has a line of its own, one or two for what it waits for, and there are the closed gates.
            Panel::Phases => snapshot.steps.len() * 3 + snapshot.gates.len(),
            Panel::People => snapshot.people.consoles.len() + snapshot.log.len(),
            Panel::Traffic => TRAFFIC_LINES + snapshot.split.configured.as_ref().map_or(0, |it| it.nodes.len()),
            // These keep their own place, or have nothing to scroll.
            Panel::Signals | Panel::Checks | Panel::Log => 0,
        };
        // What is on screen anyway needs no scrolling.
        let room = self.size.filter(|_| self.zoomed).map_or(0, |(_, height)| height.saturating_sub(AROUND_ZOOM));
        let last = lines.saturating_sub(room.into());
        self.panel_from = self.panel_from.saturating_add_signed(-by).min(last);
    }
}
