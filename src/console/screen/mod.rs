//! Draws what is known: one file a panel. Reads a snapshot and the desk, holds nothing, sends nothing.

mod band;
mod canvas;
mod checks;
mod compact;
mod debug;
mod details;
mod fit;
mod footer;
mod header;
mod help;
mod hooks;
mod layout;
mod log;
mod look;
mod over;
#[cfg(test)]
mod palette;
mod panel;
mod past;
mod people;
mod phases;
mod private;
mod progress;
mod signals;
mod spark;
mod split;
mod traffic;

pub use layout::panel_at;
pub use look::{Ink, Look, Theme};

use super::desk::direct::{Direct, Standing};
use super::desk::{Desk, Dialog, Panel};
use super::fresh;
use crate::domain::{Mono, Rights, Wall};
use crate::engine::Snapshot;
use crate::wire::Status;
use canvas::{Canvas, Piece};
use layout::Layout;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// The least size at which the whole screen is drawn; below it, the compact one.
const WHOLE_MIN: (u16, u16) = (80, 22);
/// From this size on panels have frames and charts have height.
const WIDE_MIN: (u16, u16) = (110, 34);

/// Rows that people and their commands have at least where they have a panel.
const PEOPLE_ROWS_MIN: u16 = 8;

/// Everything a frame is drawn from.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// What the keeper last said; `None` before it said anything.
    pub status: Option<&'a Status>,
    /// Local state.
    pub desk: &'a Desk,
    /// What this console may do.
    pub rights: Rights,
    /// The local clocks.
    pub now: Mono,
    /// For people.
    pub wall: Wall,
    /// A line for somebody who sees it for the first time.
    pub help: Option<&'a str>,
}

impl View<'_> {
    /// How old something is, by the local clock: it grows even when nothing arrives.
    fn age(&self, at: Mono) -> std::time::Duration {
        self.now.since(at)
    }

    /// What `warroom rollback` is to be given in another shell.
    fn elsewhere(&self) -> &str {
        let run = || self.status.map_or("RUN", |status| status.run.as_str());
        self.desk.elsewhere.as_ref().map_or_else(run, |way| way.as_str())
    }

    /// How long ago the keeper was heard.
    fn heard_age(&self) -> Option<std::time::Duration> {
        fresh::keeper(self.desk.heard_at).age(self.now)
    }

    /// Whether the keeper is gone, or has been silent for too long to believe anything on screen.
    fn is_cut_off(&self) -> bool {
        self.desk.is_cut_off(self.now)
    }

    /// Whether keys go to a panel: an open dialog and the command line have them first, and only one frame is double.
    fn has_focus(&self, panel: Panel) -> bool {
        self.desk.focus == panel && self.desk.dialog.is_none() && self.desk.command_line.is_none()
    }

    /// A direct rollback from here that is the newest word about the traffic.
    fn direct(&self, snapshot: &Snapshot) -> Option<&Direct> {
        let direct = self.desk.direct_now(snapshot, self.now);
        direct.filter(|direct| direct.standing(self.now) != Standing::Nothing)
    }

    /// Whether readings are too old to be of now.
    fn is_blind(&self, snapshot: &Snapshot) -> bool {
        snapshot.blind || self.is_cut_off() || fresh::feed(snapshot).is_stale(self.now)
    }
}

/// Draws one frame; what is private is covered on the finished picture, so that nothing of it can be forgotten.
pub fn render(buffer: &mut Buffer, view: &View<'_>, look: Look) {
    picture(buffer, view, look);
    if let Some(mask) = view.desk.mask(view.status) {
        private::cover(buffer, &mask);
    }
}

fn picture(buffer: &mut Buffer, view: &View<'_>, look: Look) {
    let area = buffer.area;
    let mut canvas = Canvas::new(buffer, look);
    // Rights that were given up here are shown as rights that are not there.
    let view = &View { rights: view.desk.rights(view.rights), ..*view };
    let Some(status) = view.status else {
        return waiting(&mut canvas, area, view);
    };
    match Layout::of(area, &status.snapshot) {
        Some(layout) => whole(&mut canvas, area, view, status, &layout),
        None => compact::draw(&mut canvas, area, view, status),
    }
    over::draw(&mut canvas, area, view);
}

fn waiting(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>) {
    let words =
        if view.desk.linked { "waiting for the keeper's first words" } else { "the keeper is not connected; trying" };
    let style = canvas.look.ink(Ink::Bold);
    canvas.pieces(area.x, area.y, area.width, &[piece(words, style)]);
    if area.height > 1 {
        let bottom = Rect { y: area.bottom() - 1, height: 1, ..area };
        footer::draw(canvas, bottom, view);
    }
    if area.height > 4 && view.desk.dialog.is_some() {
        panel::draw(canvas, Rect { y: area.y + 2, height: area.height - 3, ..area }, view, None);
    }
}

/// Every panel in its place; one that is zoomed has all the room below the gauge.
fn whole(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, status: &Status, layout: &Layout) {
    let snapshot = &status.snapshot;
    top(canvas, area, view, status);
    if layout.is_wide {
        traffic::draw_framed(canvas, layout.traffic, view, snapshot);
    } else {
        traffic::draw_ruled(canvas, layout.traffic, view, snapshot);
    }
    if let Some(panel) = view.desk.zoom() {
        return zoomed(canvas, layout.zoom, view, snapshot, panel);
    }
    if view.desk.dialog.as_ref().is_some_and(Dialog::is_zoomed) {
        return panel::draw(canvas, layout.zoom, view, Some(snapshot));
    }
    if layout.is_wide {
        phases::draw_framed(canvas, layout.phases, view, snapshot);
        signals::draw_framed(canvas, layout.signals, view, snapshot);
        checks::draw_framed(canvas, layout.checks, view, snapshot);
    } else {
        phases::draw(canvas, layout.phases, view, snapshot);
        signals::draw_ruled(canvas, layout.signals, view, snapshot);
        checks::draw_ruled(canvas, layout.checks, view, snapshot);
    }
    if let Some(place) = layout.people {
        people::draw(canvas, place, view, snapshot);
    }
    if view.desk.dialog.is_some() {
        panel::draw(canvas, layout.log, view, Some(snapshot));
        return;
    }
    // What is laid over the log takes its rows, and not its newest lines.
    let height = layout.log.height.saturating_sub(over::rows(area, view));
    let log = Rect { height, ..layout.log };
    match height {
        0 => {}
        4.. if layout.is_wide => log::draw_framed(canvas, log, view, snapshot),
        _ => log::draw_ruled(canvas, log, view, snapshot),
    }
}

/// What no panel and no size takes away: who and how fresh, the sentence, and the keys.
fn top(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, status: &Status) {
    header::draw(canvas, Rect { height: 1, ..area }, view, status);
    band::draw(canvas, Rect { y: area.y + 1, height: 1, ..area }, view, &status.snapshot);
    footer::draw(canvas, Rect { y: area.bottom() - 1, height: 1, ..area }, view);
}

/// One panel in all the room below the gauge.
fn zoomed(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, snapshot: &Snapshot, panel: Panel) {
    match panel {
        Panel::Traffic => split::draw_zoomed(canvas, area, view, snapshot),
        Panel::Phases => phases::draw_zoomed(canvas, area, view, snapshot),
        Panel::Signals => signals::draw_framed(canvas, area, view, snapshot),
        Panel::Checks => checks::draw_zoomed(canvas, area, view, snapshot),
        Panel::Log => log::draw_framed(canvas, area, view, snapshot),
        Panel::People => people::draw(canvas, area, view, snapshot),
    }
}

fn piece(text: impl Into<String>, style: ratatui::style::Style) -> Piece {
    (text.into(), style)
}
