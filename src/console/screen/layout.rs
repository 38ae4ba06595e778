//! Where each panel stands. Drawing and pointing ask the same places, so a click meets what is seen.

use super::{PEOPLE_ROWS_MIN, View, WHOLE_MIN, WIDE_MIN, checks};
use crate::console::desk::{PEOPLE_MIN, Panel};
use crate::engine::Snapshot;
use ratatui::layout::{Position, Rect};

/// The panels' places on a screen that has room for them.
pub(super) struct Layout {
    /// Whether panels have frames and charts have height.
    pub is_wide: bool,
    pub traffic: Rect,
    pub phases: Rect,
    pub signals: Rect,
    pub checks: Rect,
    /// Where people and their commands have a place beside the others.
    pub people: Option<Rect>,
    /// The log's; a dialog stands in its stead.
    pub log: Rect,
    /// What one panel has that is zoomed, and the help that was asked for twice: all below the gauge.
    pub zoom: Rect,
}

impl Layout {
    /// `None` below the size at which the whole screen is drawn.
    pub fn of(area: Rect, snapshot: &Snapshot) -> Option<Self> {
        if area.width < WHOLE_MIN.0 || area.height < WHOLE_MIN.1 {
            None
        } else if area.width < WIDE_MIN.0 || area.height < WIDE_MIN.1 {
            Some(Self::narrow(area, snapshot))
        } else {
            Some(Self::wide(area, snapshot))
        }
    }

    /// 80x22 to 109 columns: rules instead of frames, sparklines of one row.
    fn narrow(area: Rect, snapshot: &Snapshot) -> Self {
        let row = |y: u16, height: u16| Rect { y: area.y + y, height, ..area };
        let check_rows = checks::rows(snapshot, 2).min(5);
        let log_y = 13 + check_rows;
        Self {
            is_wide: false,
            traffic: row(2, 4),
            phases: row(6, 1),
            signals: row(7, 5),
            checks: row(12, 1 + check_rows),
            people: None,
            log: row(log_y, area.height - log_y - 1),
            zoom: row(6, area.height - 7),
        }
    }

    /// From 110x34: frames, charts with height, checks beside them; from [`PEOPLE_MIN`] people and commands too.
    fn wide(area: Rect, snapshot: &Snapshot) -> Self {
        let row = |y: u16, height: u16| Rect { y: area.y + y, height, ..area };
        let middle = (area.height - 13) * 3 / 5;
        let charts = row(12, middle.max(14));
        let checks_width = (area.width * 2 / 5).clamp(44, 90);
        let signals = Rect { width: area.width - checks_width, ..charts };
        let mut checks = Rect { x: area.x + signals.width, width: checks_width, ..charts };
        let mut people = None;
        if area.width >= PEOPLE_MIN.0 && area.height >= PEOPLE_MIN.1 {
            let height = (checks::rows(snapshot, 1) + 2).min(checks.height - PEOPLE_ROWS_MIN);
            people = Some(Rect { y: checks.y + height, height: checks.height - height, ..checks });
            checks.height = height;
        }
        let log_y = 12 + charts.height;
        Self {
            is_wide: true,
            traffic: row(2, 6),
            phases: row(8, 4),
            signals,
            checks,
            people,
            log: row(log_y, area.height - log_y - 1),
            zoom: row(8, area.height - 9),
        }
    }
}

/// The panel that stands at a cell of the screen; none in header, band, footer and the compact form.
pub fn panel_at(area: Rect, view: &View<'_>, column: u16, line: u16) -> Option<Panel> {
    let layout = Layout::of(area, &view.status?.snapshot)?;
    let place = Position::new(column, line);
    let shown = [
        (Panel::Traffic, Some(layout.traffic)),
        (Panel::Phases, Some(layout.phases)),
        (Panel::Signals, Some(layout.signals)),
        (Panel::Checks, Some(layout.checks)),
        (Panel::People, layout.people),
        (Panel::Log, Some(layout.log)),
    ];
    match view.desk.zoom() {
        Some(panel) if layout.zoom.contains(place) => Some(panel),
        Some(_) | None => {
            let found = shown.into_iter().find(|(_, area)| area.is_some_and(|area| area.contains(place)));
            found.map(|(panel, _)| panel)
        }
    }
}
