//! The traffic panel in full words: the three splits, each node, what failed, and how long a rollback takes.

use super::canvas::{Canvas, Piece};
use super::header::age_words;
use super::look::Ink;
use super::{View, piece, traffic};
use crate::console::desk::Panel;
use crate::domain::{Role, Verdict};
use crate::engine::{Phase, Snapshot};
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Columns of what a line is about.
const NAME_WIDTH: usize = 13;

/// Draws below the gauge, which stays.
pub(super) fn draw_zoomed(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, snapshot: &Snapshot) {
    let look = canvas.look;
    let inside = canvas.panel_frame(area, view, Panel::Traffic, &[piece("in full", look.ink(Ink::Dim))], &[]);
    let lines = lines(canvas, view, snapshot, inside.width.saturating_sub(2));
    canvas.scrolled(inside, view.desk.panel_from, &lines);
}

fn lines(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot, width: u16) -> Vec<Vec<Piece>> {
    let look = canvas.look;
    let plain = look.ink(Ink::Plain);
    let mut lines = Vec::new();
    let mut say = |name: &str, words: &str, style: Style| {
        for (row, text) in view.wrap(words, width.saturating_sub(NAME_WIDTH as u16)).into_iter().enumerate() {
            let name = if row == 0 { name } else { "" };
            lines.push(vec![piece(format!("{name:<NAME_WIDTH$}"), look.ink(Ink::Dim)), piece(text, style)]);
        }
    };
    if snapshot.phase != Phase::Observing {
        let (share, ink) = traffic::wanted(view, snapshot);
        say("wanted", &format!("{share} on candidate"), look.ink(ink));
    }
    let (words, style) = configured(canvas, view, snapshot);
    say("configured", &words, style);
    let (words, style) = measured(canvas, view, snapshot);
    say("measured", &words, style);
    if let Some(converged) = traffic::converged(view, snapshot) {
        let ink = match converged.converged {
            Some(true) => Ink::Plain,
            Some(false) => Ink::Warn,
            None => Ink::Stale,
        };
        say("converged", converged.words.as_str(), look.ink(ink));
    }
    if let Some((drift, lasting)) = traffic::drift(view, snapshot) {
        let ink = if traffic::is_old(view, snapshot) { Ink::Stale } else { Ink::Critical };
        say("DRIFT", &format!("{} for {lasting}", drift.words), look.ink(ink));
    }
    let still = snapshot.split.still_on_candidate.filter(|rate| *rate > 0.0 && snapshot.phase.is_back());
    if let Some(rate) = still.filter(|_| view.direct(snapshot).is_none()) {
        let (mark, ink) = if view.is_cut_off() { ("?", Ink::Stale) } else { ("", Ink::Warn) };
        let words = format!("{rate:.1}{mark} requests a second on candidate beyond its floor");
        say("still there", &words, look.ink(ink));
    }
    let (words, style) = failed(canvas, snapshot);
    say("blast radius", &words, style);
    let [takes, ..] = traffic::time_words(view, snapshot);
    let instead = view.desk.instead_of_rollback(view.status, view.rights).filter(|_| takes.is_empty());
    say("time to safe", &instead.unwrap_or(takes), plain);
    let (words, style) = traffic::target(canvas, view, snapshot);
    say("way back", &words, style);
    if let Some(breaks) = &snapshot.no_return {
        say("NO RETURN", breaks.as_str(), look.ink(Ink::Critical));
    }
    if let Some((by, why, until)) = &snapshot.suspended {
        let words = format!("automatic rollback off until {} by {by}: {why}", until.clock());
        say("SUSPENDED", &words, look.ink(Ink::Warn));
    }
    for role in Role::BOTH {
        let (words, style) = environment(canvas, view, snapshot, role);
        say(&role.word().to_lowercase(), &words, style);
    }
    if let Some(dropped) = view.status.map(|status| status.keeper.dropped).filter(|dropped| *dropped > 0) {
        say("dropped", &format!("{dropped} readings that the keeper had no time for"), look.ink(Ink::Warn));
    }
    lines
}

fn configured(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot) -> (String, Style) {
    let look = canvas.look;
    let at = traffic::read_at(snapshot);
    let age = at.map_or_else(String::new, |at| format!(", read {} ago", age_words(view.age(at))));
    let (mut words, ink) = match traffic::configured(view, snapshot) {
        None => return ("? never read".to_owned(), look.ink(Ink::Stale)),
        Some((share, true)) => (format!("{:.1}% on candidate{age}", share * 100.0), Ink::Plain),
        Some((share, false)) => (format!("{:.1}%? on candidate{age}", share * 100.0), Ink::Stale),
    };
    if let Some(configured) = snapshot.split.configured.as_ref().filter(|configured| configured.nodes.len() > 1) {
        let share =
            |share: &Option<f64>| share.map_or_else(|| "?".to_owned(), |share| format!("{:.1}%", share * 100.0));
        for (name, node) in &configured.nodes {
            words.push_str(&format!("  {name} {}", share(node)));
        }
        if !configured.even {
            let (mark, ink) = if view.is_cut_off() { ("?", Ink::Stale) } else { ("", Ink::Critical) };
            words.push_str(&format!("  HALF APPLIED{mark}"));
            return (words, look.ink(ink));
        }
    }
    (words, look.ink(ink))
}

fn measured(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot) -> (String, Style) {
    let look = canvas.look;
    let Some(measured) = &snapshot.split.measured else {
        return ("- no requests through the balancer were sampled".to_owned(), look.ink(Ink::Dim));
    };
    let percent = |share: f64| format!("{:.1}%", share * 100.0);
    let mut words = format!(
        "{} on candidate, {} to {} at 95 %, {} probes",
        percent(measured.value),
        percent(measured.low),
        percent(measured.high),
        measured.requests,
    );
    if measured.failed > 0 {
        words.push_str(&format!(", {} failed", measured.failed));
    }
    if measured.unknown > 0 {
        words.push_str(&format!(", {} answered by nobody the plan names", measured.unknown));
    }
    let age = view.age(measured.newest);
    if traffic::is_old_sample(view, measured) {
        return (format!("? {words}, {} ago", age_words(age)), look.ink(Ink::Stale));
    }
    (words, look.ink(Ink::Plain))
}

/// `312 failed requests on candidate so far, 41 above stable's own ratio`.
fn failed(canvas: &Canvas<'_>, snapshot: &Snapshot) -> (String, Style) {
    let look = canvas.look;
    let (failed, above) = snapshot.failed_on_candidate;
    let (least, more) = if snapshot.failed_at_least { ("at least ", "; some could not be counted") } else { ("", "") };
    let ink = if above > 0 || snapshot.failed_at_least { Ink::Warn } else { Ink::Plain };
    let words =
        format!("{least}{failed} failed requests on candidate so far, {least}{above} above stable's own ratio{more}");
    (words, look.ink(ink))
}

fn environment(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot, role: Role) -> (String, Style) {
    let look = canvas.look;
    let environment = &snapshot.environments[role];
    let mut words = format!("{} {}", environment.chip, environment.label);
    let verdict = match &environment.health {
        _ if view.is_cut_off() => Verdict::Unknown,
        Some((verdict, _)) => *verdict,
        None => Verdict::Unknown,
    };
    let health = environment.health.as_ref().map_or("health not asked yet", |(_, words)| words.as_str());
    let mark = if verdict == Verdict::Unknown { "? " } else { "" };
    words.push_str(&format!(", {mark}{health}"));
    if let Some((up, all)) = environment.up {
        words.push_str(&format!(", {up} of {all} up"));
    }
    if let Some(rate) = environment.rate {
        words.push_str(&format!(", {rate:.1} rps{}", if view.is_cut_off() { "?" } else { "" }));
    }
    (words, look.verdict(verdict))
}
