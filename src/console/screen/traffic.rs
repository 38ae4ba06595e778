//! Who gets how much: stable always left, candidate always right.

use super::canvas::{Canvas, Piece, width_of};
use super::look::Ink;
use super::{View, piece};
use crate::domain::Role;
use crate::engine::Snapshot;
use ratatui::layout::Rect;
use std::time::Duration;

/// Samples come several a second; without one for this long the measured split is not of now.
const MEASURED_STALE: Duration = Duration::from_secs(5);

pub(super) fn draw_ruled(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, snapshot: &Snapshot) {
    let look = canvas.look;
    let target = target_pieces(canvas, snapshot, area.width.saturating_sub(14));
    canvas.rule(area, area.y, &[piece("TRAFFIC", look.ink(Ink::Bold))], &target);
    let inside = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
    environments(canvas, inside, area.y + 1, view, snapshot);
    gauge(canvas, inside, area.y + 2, view, snapshot);
    numbers(canvas, inside, area.y + 3, view, snapshot);
}

pub(super) fn draw_framed(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, snapshot: &Snapshot) {
    let look = canvas.look;
    let target = target_pieces(canvas, snapshot, area.width.saturating_sub(16));
    let inside = canvas.frame(area, &[piece("TRAFFIC", look.ink(Ink::Bold))], &target, false);
    let inside = Rect { x: inside.x + 1, width: inside.width.saturating_sub(2), ..inside };
    environments(canvas, inside, inside.y, view, snapshot);
    gauge(canvas, inside, inside.y + 1, view, snapshot);
    gauge(canvas, inside, inside.y + 2, view, snapshot);
    numbers(canvas, inside, inside.y + 3, view, snapshot);
}

/// `STABLE [BLUE] v2.0.5 75.0%        25.0% v2.1.0 [GREEN] CANDIDATE`.
fn environments(canvas: &mut Canvas<'_>, area: Rect, y: u16, view: &View<'_>, snapshot: &Snapshot) {
    let look = canvas.look;
    let [stable, candidate] = Role::BOTH.map(|role| environment_words(canvas, view, snapshot, role));
    let used = canvas.pieces(area.x, y, area.width, &stable);
    let length: u16 = candidate.iter().map(|(text, _)| width_of(text)).sum();
    if used + length < area.width {
        canvas.right(area, y, &candidate);
    } else {
        // Too narrow for both: the chip and the share matter most.
        let short = [share_piece(canvas, view, snapshot, Role::Candidate), piece(" CANDIDATE", look.ink(Ink::Plain))];
        canvas.right(area, y, &short);
    }
}

fn environment_words(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot, role: Role) -> Vec<Piece> {
    let look = canvas.look;
    let environment = &snapshot.environments[role];
    let chip_text = if look.theme == super::Theme::Mono {
        format!("[{}]", environment.chip)
    } else {
        format!(" {} ", environment.chip)
    };
    let chip = piece(chip_text, look.chip(environment.chip.as_str(), role));
    let label = piece(format!(" {} ", environment.label), look.ink(Ink::Plain));
    let share = share_piece(canvas, view, snapshot, role);
    let rate = environment.rate.map_or_else(String::new, |rate| format!("  {rate:.0} rps"));
    let rate = piece(rate, look.ink(Ink::Dim));
    match role {
        Role::Stable => vec![piece(format!("{} ", role.word()), look.ink(Ink::Plain)), chip, label, share, rate],
        Role::Candidate => {
            let rate = piece(format!("{}  ", rate.0.trim_start()), rate.1);
            vec![rate, share, label, chip, piece(format!(" {}", role.word()), look.ink(Ink::Plain))]
        }
    }
}

/// The configured share of one environment: what the balancer says, and `?` when that is old.
fn share_piece(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot, role: Role) -> Piece {
    let look = canvas.look;
    let old = is_old(view, snapshot);
    match &snapshot.split.configured {
        None => piece("?", look.ink(Ink::Stale)),
        Some(configured) => {
            let share = match role {
                Role::Stable => 1.0 - configured.share,
                Role::Candidate => configured.share,
            };
            let mark = if old { "?" } else { "" };
            piece(format!("{:.1}%{mark}", share * 100.0), if old { look.ink(Ink::Stale) } else { look.ink(Ink::Bold) })
        }
    }
}

/// Whether the balancer's answer is too old to be of now.
fn is_old(view: &View<'_>, snapshot: &Snapshot) -> bool {
    let stale = (snapshot.balancer_every * 5).max(Duration::from_secs(5));
    view.is_cut_off() || snapshot.balancer_at.is_none_or(|at| view.age(at) > stale)
}

/// Stable solid from the left, candidate hatched to the right edge, a mark at the wanted split.
fn gauge(canvas: &mut Canvas<'_>, area: Rect, y: u16, view: &View<'_>, snapshot: &Snapshot) {
    let look = canvas.look;
    let Some(configured) = &snapshot.split.configured else {
        canvas.text(area.x, y, area.width, &"?".repeat(area.width.into()), look.ink(Ink::Stale));
        return;
    };
    let share = if configured.share.is_finite() { configured.share.clamp(0.0, 1.0) } else { 1.0 };
    let mut candidate = (share * f64::from(area.width)).round() as u16;
    // Anything above nothing is seen, and so is anything below everything.
    if share > 0.0 {
        candidate = candidate.max(1);
    }
    if share < 1.0 {
        candidate = candidate.min(area.width.saturating_sub(1));
    }
    let stable = area.width - candidate;
    let [stable_view, candidate_view] = Role::BOTH.map(|role| &snapshot.environments[role]);
    let stable_glyph = look.glyph("█", "B");
    let candidate_glyph = look.glyph("▒", "g");
    let dim = view.is_cut_off();
    let style = |chip: &str, role| if dim { look.ink(Ink::Dim) } else { look.fill(chip, role) };
    canvas.text(area.x, y, stable, &stable_glyph.repeat(stable.into()), style(stable_view.chip.as_str(), Role::Stable));
    canvas.text(
        area.x + stable,
        y,
        candidate,
        &candidate_glyph.repeat(candidate.into()),
        style(candidate_view.chip.as_str(), Role::Candidate),
    );
}

/// `wanted 25%  configured 25.0%  measured 24.8% ±2.0 (1812)` and what is off.
fn numbers(canvas: &mut Canvas<'_>, area: Rect, y: u16, view: &View<'_>, snapshot: &Snapshot) {
    let look = canvas.look;
    let plain = look.ink(Ink::Plain);
    let split = &snapshot.split;
    let mut pieces = vec![piece(format!("wanted {}", split.wanted), plain)];
    match &split.configured {
        None => pieces.push(piece("  configured ?", look.ink(Ink::Stale))),
        Some(configured) => {
            let old = is_old(view, snapshot);
            let (mark, ink) = if old { ("?", Ink::Stale) } else { ("", Ink::Plain) };
            pieces.push(piece(format!("  configured {:.1}%{mark}", configured.share * 100.0), look.ink(ink)));
            if !configured.even {
                let nodes: Vec<String> = configured
                    .nodes
                    .iter()
                    .map(|(name, share)| {
                        share.map_or_else(|| format!("{name} ?"), |share| format!("{name} {:.1}%", share * 100.0))
                    })
                    .collect();
                pieces.push(piece(format!("  HALF APPLIED {}", nodes.join(" ")), look.ink(Ink::Critical)));
            }
        }
    }
    match &split.measured {
        None => pieces.push(piece("  measured -", look.ink(Ink::Dim))),
        Some(m) => {
            let spread = (m.high - m.low) / 2.0 * 100.0;
            let old = view.is_cut_off() || view.age(m.newest) > MEASURED_STALE;
            let (mark, ink) = if old { ("?", Ink::Stale) } else { ("", Ink::Plain) };
            let words = format!("  measured {:.1}%{mark} ±{spread:.1} ({})", m.value * 100.0, m.requests);
            pieces.push(piece(words, look.ink(ink)));
            if m.failed > 0 {
                pieces.push(piece(format!(" {} failed", m.failed), look.ink(Ink::Warn)));
            }
            if m.unknown > 0 {
                pieces.push(piece(format!(" {} of nobody", m.unknown), look.ink(Ink::Warn)));
            }
        }
    }
    let (failed, above) = snapshot.failed_on_candidate;
    if failed > 0 {
        pieces.push(piece(
            format!("  {failed} failed on candidate, {above} above stable"),
            if above > 0 { look.ink(Ink::Warn) } else { plain },
        ));
    }
    if let Some(drift) = &snapshot.drift {
        let side = if drift.towards_stable { "towards stable" } else { "towards candidate" };
        pieces.push(piece(
            format!("  DRIFT {side} for {}", super::header::age_words(view.age(drift.since))),
            look.ink(Ink::Critical),
        ));
    }
    canvas.pieces(area.x, y, area.width, &pieces);
}

/// Always on screen: where a rollback goes, and how long it takes.
fn target_pieces(canvas: &Canvas<'_>, snapshot: &Snapshot, width: u16) -> Vec<Piece> {
    let look = canvas.look;
    if let Some(breaks) = &snapshot.no_return {
        return vec![piece(format!("NO ROLLBACK by itself: {breaks}"), look.ink(Ink::Critical))];
    }
    let target = &snapshot.target;
    let (prefix, ink) = match target.ready {
        Some(true) => ("rollback target: ", Ink::Plain),
        Some(false) => ("TARGET NOT READY: ", Ink::Critical),
        None => ("rollback target ?: ", Ink::Stale),
    };
    let mut pieces = vec![piece(format!("{prefix}{}", target.words), look.ink(ink))];
    let tempo = time_to_safe(snapshot);
    let length: u16 = pieces.iter().map(|(text, _)| width_of(text)).sum();
    if length + width_of(&tempo) < width {
        pieces.push(piece(tempo, look.ink(Ink::Dim)));
    }
    pieces
}

/// `  R now: about 0.2s to the balancer`.
pub(super) fn time_to_safe(snapshot: &Snapshot) -> String {
    match (snapshot.tempo.read_back, snapshot.tempo.confirmed) {
        (_, Some(confirmed)) => format!("  last: confirmed in {}", took(confirmed)),
        (Some(back), None) => format!("  R now: about {}", took(back)),
        (None, None) => "  R now: not measured yet".to_owned(),
    }
}

/// `12ms`, `1.4s`.
fn took(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        format!("{}ms", duration.as_millis().max(1))
    } else {
        format!("{:.1}s", duration.as_secs_f64())
    }
}
