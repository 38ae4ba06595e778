//! Who gets how much: stable always left, candidate always right.

use super::canvas::{Canvas, Piece};
use super::fit::{Part, columns, fit};
use super::header::{age_words, whole_words};
use super::look::Ink;
use super::{View, piece};
use crate::console::desk::Panel;
use crate::console::fresh;
use crate::domain::{Clean, Mono, Role, Wall};
use crate::engine::{
    ConfiguredView, ConvergedView, DriftView, MeasuredView, PROBES_MIN, PROBES_STALE, Phase, RollbackView, Snapshot,
    StepState,
};
use ratatui::layout::Rect;
use ratatui::style::Style;
use std::time::Duration;

pub(super) fn draw_ruled(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, snapshot: &Snapshot) {
    let target = target_pieces(canvas, view, snapshot, area.width.saturating_sub(14));
    canvas.panel_rule(area, view, Panel::Traffic, &[], &target);
    let inside = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
    environments(canvas, inside, area.y + 1, view, snapshot);
    gauge(canvas, inside, area.y + 2, view, snapshot);
    numbers(canvas, inside, area.y + 3, view, snapshot);
}

pub(super) fn draw_framed(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, snapshot: &Snapshot) {
    let target = target_pieces(canvas, view, snapshot, area.width.saturating_sub(18));
    let inside = canvas.panel_frame(area, view, Panel::Traffic, &[], &target);
    let inside = Rect { x: inside.x + 1, width: inside.width.saturating_sub(2), ..inside };
    environments(canvas, inside, inside.y, view, snapshot);
    gauge(canvas, inside, inside.y + 1, view, snapshot);
    gauge(canvas, inside, inside.y + 2, view, snapshot);
    numbers(canvas, inside, inside.y + 3, view, snapshot);
}

/// `STABLE [BLUE] v2.0.5 75.0%        25.0% v2.1.0 [GREEN] CANDIDATE`. Rates give way first, then labels.
pub(super) fn environments(canvas: &mut Canvas<'_>, area: Rect, y: u16, view: &View<'_>, snapshot: &Snapshot) {
    let look = canvas.look;
    for (with_label, with_rate) in [(true, true), (true, false), (false, false)] {
        let [stable, candidate] =
            Role::BOTH.map(|role| environment_words(canvas, view, snapshot, role, with_label, with_rate));
        let narrow = columns(look, &stable) + columns(look, &candidate) >= area.width;
        if narrow && with_label {
            continue;
        }
        let half = if narrow { area.width / 2 } else { area.width };
        canvas.pieces(area.x, y, half, &stable);
        let right = if narrow { Rect { x: area.x + half, width: area.width - half, ..area } } else { area };
        canvas.right(right, y, &candidate);
        return;
    }
}

fn environment_words(
    canvas: &Canvas<'_>,
    view: &View<'_>,
    snapshot: &Snapshot,
    role: Role,
    with_label: bool,
    with_rate: bool,
) -> Vec<Piece> {
    let look = canvas.look;
    let environment = &snapshot.environments[role];
    let chip_text = if look.theme == super::Theme::Mono {
        format!("[{}]", environment.chip)
    } else {
        format!(" {} ", environment.chip)
    };
    let chip = piece(chip_text, look.chip(environment.chip.as_str(), role));
    let label = if with_label { format!(" {} ", environment.label) } else { " ".to_owned() };
    let label = piece(label, look.ink(Ink::Plain));
    let share = share_piece(canvas, view, snapshot, role);
    let (old, ink) = if view.is_cut_off() { ("?", Ink::Stale) } else { ("", Ink::Dim) };
    // An average still has what was there before: once traffic goes back only the newest scrape tells where it is.
    let goes_back = snapshot.phase.is_back() || view.direct(snapshot).is_some();
    // What it is asked for without a share: health checks, scrapes and our own checks go on.
    let is_idle = role == Role::Candidate && snapshot.split.still_on_candidate == Some(0.0);
    let rate = match environment.newest_rate.filter(|_| goes_back) {
        Some(_) if is_idle => Some(format!("idle{old}")),
        Some(rate) => Some(format!("{rate:.0} rps{old}")),
        None if goes_back => environment.rate.map(|rate| format!("{rate:.0} rps{old} avg")),
        None if environment.rate_is_mixed => environment.rate.map(|rate| format!("~{rate:.0} rps{old}")),
        None => environment.rate.map(|rate| format!("{rate:.0} rps{old}")),
    };
    // Unknown is not none.
    let (rate, ink) = rate.map_or_else(|| (Some("? rps".to_owned()), Ink::Stale), |rate| (Some(rate), ink));
    let rate = rate.filter(|_| with_rate);
    match role {
        Role::Stable => {
            let rate = rate.map_or_else(String::new, |rate| format!("  {rate}"));
            let role = piece(format!("{} ", role.word()), look.ink(Ink::Plain));
            vec![role, chip, label, share, piece(rate, look.ink(ink))]
        }
        Role::Candidate => {
            let rate = rate.map_or_else(String::new, |rate| format!("{rate}  "));
            let role = piece(format!(" {}", role.word()), look.ink(Ink::Plain));
            vec![piece(rate, look.ink(ink)), share, label, chip, role]
        }
    }
}

/// The candidate's configured share, and whether it is of now; when the balancer cannot be read the last one known. What
/// one node says while another is silent is only its own: nobody knows the largest.
pub(super) fn configured(view: &View<'_>, snapshot: &Snapshot) -> Option<(f64, bool)> {
    if let Some(at) = read_directly(view, snapshot) {
        return Some((0.0, view.age(at) <= fresh::balancer(snapshot).limits.stale));
    }
    match &snapshot.split.configured {
        Some(configured) => Some((configured.share, is_whole(configured) && !is_old(view, snapshot))),
        None => snapshot.split.last_known.map(|share| (share, false)),
    }
}

/// When a direct rollback from here read the candidate's share back as nothing, where the keeper has not read it since.
fn read_directly(view: &View<'_>, snapshot: &Snapshot) -> Option<Mono> {
    let direct = view.direct(snapshot)?;
    direct.confirmed.or(direct.observed).filter(|at| snapshot.balancer_at.is_none_or(|keeper| keeper < *at))
}

/// Whether every node said what it holds.
fn is_whole(configured: &ConfiguredView) -> bool {
    configured.nodes.iter().all(|(_, share)| share.is_some())
}

/// When what is shown of the balancer was read. The time of the last whole answer is not that of a part.
pub(super) fn read_at(snapshot: &Snapshot) -> Option<Mono> {
    snapshot.balancer_at.filter(|_| snapshot.split.configured.as_ref().is_none_or(is_whole))
}

/// The configured share of one environment: what the balancer says, and `?` when that is old.
fn share_piece(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot, role: Role) -> Piece {
    let look = canvas.look;
    let Some((share, is_of_now)) = configured(view, snapshot) else { return piece("?", look.ink(Ink::Stale)) };
    let share = match role {
        Role::Stable => 1.0 - share,
        Role::Candidate => share,
    };
    let (mark, ink) = if is_of_now { ("", Ink::Bold) } else { ("?", Ink::Stale) };
    piece(format!("{:.1}%{mark}", share * 100.0), look.ink(ink))
}

/// Whether the balancer's answer is too old to be of now.
pub(super) fn is_old(view: &View<'_>, snapshot: &Snapshot) -> bool {
    view.is_cut_off() || fresh::balancer(snapshot).is_stale(view.now)
}

/// Stable solid from the left, candidate hatched to the right edge: what is configured, not what is wanted. While a node is
/// silent nobody knows.
pub(super) fn gauge(canvas: &mut Canvas<'_>, area: Rect, y: u16, view: &View<'_>, snapshot: &Snapshot) {
    let look = canvas.look;
    let is_read = read_directly(view, snapshot).is_some() || snapshot.split.configured.as_ref().is_some_and(is_whole);
    let Some((share, is_of_now)) = configured(view, snapshot).filter(|_| is_read) else {
        canvas.text(area.x, y, area.width, &"?".repeat(area.width.into()), look.ink(Ink::Stale));
        return;
    };
    let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 1.0 };
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
    let style = |chip: &str, role| if is_of_now { look.fill(chip, role) } else { look.ink(Ink::Dim) };
    canvas.text(area.x, y, stable, &stable_glyph.repeat(stable.into()), style(stable_view.chip.as_str(), Role::Stable));
    canvas.text(
        area.x + stable,
        y,
        candidate,
        &candidate_glyph.repeat(candidate.into()),
        style(candidate_view.chip.as_str(), Role::Candidate),
    );
}

/// `wanted 25%  configured 25.0%  probes 22.9-26.9% of 1812` and what is off.
pub(super) fn numbers(canvas: &mut Canvas<'_>, area: Rect, y: u16, view: &View<'_>, snapshot: &Snapshot) {
    let look = canvas.look;
    let mut parts = Vec::new();
    // A keeper that only watches wants nothing.
    if snapshot.phase != Phase::Observing {
        let (share, ink) = wanted(view, snapshot);
        parts.push(Part::new(0, vec![piece(format!("wanted {share}"), look.ink(ink))]));
    }
    parts.extend(configured_parts(canvas, view, snapshot));
    parts.extend(drift_parts(canvas, area.width, view, snapshot));
    match &snapshot.split.measured {
        None => parts.push(Part::new(2, vec![piece("probes: none", look.ink(Ink::Dim))])),
        Some(measured) => parts.extend(measured_parts(canvas, view, measured)),
    }
    parts.extend(converged_part(canvas, view, snapshot));
    parts.extend(failed_parts(canvas, snapshot));
    let line = fit(look, &parts, "  ", area.width);
    canvas.pieces(area.x, y, area.width, &line);
}

/// What is wanted of the candidate: what the keeper wants, or a direct rollback beside it.
pub(super) fn wanted(view: &View<'_>, snapshot: &Snapshot) -> (String, Ink) {
    if view.direct(snapshot).is_some() {
        ("0% (direct)".to_owned(), Ink::Plain)
    } else if view.is_cut_off() {
        (format!("{}?", snapshot.split.wanted), Ink::Stale)
    } else {
        (snapshot.split.wanted.to_string(), Ink::Plain)
    }
}

/// A drift with how long it lasts. What was one before nobody could read the balancer has a mark and no critical ink.
fn drift_parts(canvas: &Canvas<'_>, width: u16, view: &View<'_>, snapshot: &Snapshot) -> Vec<Part> {
    let Some((drift, lasting)) = drift(view, snapshot) else { return Vec::new() };
    let ink = canvas.look.ink(if is_old(view, snapshot) { Ink::Stale } else { Ink::Critical });
    let side = if drift.towards_stable { "towards stable" } else { "towards candidate" };
    let part = Part::new(1, vec![piece(format!("DRIFT {side} for {lasting}"), ink)]);
    let mut parts = vec![part.or(vec![piece(format!("DRIFT {lasting}"), ink)])];
    // A wide band says it; of a keeper that is not heard nobody expects one.
    if !drift.own && width < super::WIDE_MIN.0 && !view.is_cut_off() {
        parts.push(Part::new(2, vec![piece("no auto-rollback", canvas.look.ink(Ink::Critical))]));
    }
    parts.push(Part::new(5, vec![piece(drift.words.to_string(), ink)]));
    parts
}

/// The drift and how long it lasts; when that is old, how long it is known to have lasted, and `?`. None beside a direct
/// rollback: what it left the keeper has not read.
pub(super) fn drift<'s>(view: &View<'_>, snapshot: &'s Snapshot) -> Option<(&'s DriftView, String)> {
    let drift = snapshot.drift.as_ref().filter(|_| view.direct(snapshot).is_none())?;
    let lasting = if is_old(view, snapshot) {
        let known = snapshot.balancer_at.unwrap_or(snapshot.mono).since(drift.since);
        format!("{}?", age_words(known))
    } else {
        age_words(view.age(drift.since))
    };
    Some((drift, lasting))
}

/// `5xx on GREEN this run 35`: beside the probes it must not read as theirs.
fn failed_parts(canvas: &Canvas<'_>, snapshot: &Snapshot) -> Vec<Part> {
    let look = canvas.look;
    let (failed, above) = snapshot.failed_on_candidate;
    let at_least = snapshot.failed_at_least;
    if failed == 0 && !at_least {
        return Vec::new();
    }
    let style = if above > 0 || at_least { look.ink(Ink::Warn) } else { look.ink(Ink::Plain) };
    let on = format!("5xx on {}", snapshot.environments.candidate.chip);
    if failed == 0 {
        return vec![Part::new(3, vec![piece(format!("{on}: unknown"), style)])];
    }
    let more = if at_least { "+" } else { "" };
    let long = vec![piece(format!("{on} this run {failed}{more}"), style)];
    vec![
        Part::new(3, long).or(vec![piece(format!("{on}: {failed}{more}"), style)]),
        Part::new(4, vec![piece(format!("{above}{more} above stable"), style)]),
    ]
}

fn configured_parts(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot) -> Vec<Part> {
    let look = canvas.look;
    let mut parts = Vec::new();
    if let Some(at) = read_directly(view, snapshot) {
        let words = format!("configured 0.0%, read directly {} ago", whole_words(view.age(at)));
        let ink =
            if configured(view, snapshot).is_some_and(|(_, is_of_now)| is_of_now) { Ink::Plain } else { Ink::Stale };
        return vec![Part::new(0, vec![piece(words, look.ink(ink))])];
    }
    match configured(view, snapshot) {
        None => parts.push(Part::new(0, vec![piece("configured ?", look.ink(Ink::Stale))])),
        Some((share, true)) => {
            parts.push(Part::new(0, vec![piece(format!("configured {:.1}%", share * 100.0), look.ink(Ink::Plain))]));
        }
        Some((share, false)) => {
            let words = format!("configured {:.1}%?", share * 100.0);
            let age = read_at(snapshot).map_or_else(String::new, |at| format!(" {} old", whole_words(view.age(at))));
            let part = Part::new(0, vec![piece(format!("{words}{age}"), look.ink(Ink::Stale))]);
            parts.push(part.or(vec![piece(words, look.ink(Ink::Stale))]));
        }
    }
    parts.extend(half_applied(canvas, view, snapshot));
    parts
}

/// `HALF APPLIED lb1 50.0% lb2 ?`: that the nodes do not hold the same, or that nobody knows of one.
pub(super) fn half_applied(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot) -> Option<Part> {
    let configured = snapshot.split.configured.as_ref().filter(|configured| !configured.even)?;
    if read_directly(view, snapshot).is_some() {
        return None;
    }
    let (mark, ink) = if view.is_cut_off() { ("?", Ink::Stale) } else { ("", Ink::Critical) };
    let style = canvas.look.ink(ink);
    let of = |(name, share): &(Clean, Option<f64>)| match share {
        Some(share) => format!("{name} {:.1}%{mark}", share * 100.0),
        None => format!("{name} ?"),
    };
    let nodes = configured.nodes.iter().map(of).collect::<Vec<_>>().join(" ");
    let part = Part::new(0, vec![piece(format!("HALF APPLIED{mark} {nodes}"), style)]);
    Some(part.or(vec![piece(format!("HALF APPLIED{mark}"), style)]))
}

/// Whether wanted, configured and measured agree. None of long ago, nor beside a direct rollback: what it left the keeper
/// has not read.
pub(super) fn converged<'s>(view: &View<'_>, snapshot: &'s Snapshot) -> Option<&'s ConvergedView> {
    let is_of_now = !is_old(view, snapshot) && view.direct(snapshot).is_none();
    snapshot.split.converged.as_ref().filter(|_| is_of_now)
}

/// The same in few words, where no drift and no half-applied write says so already.
fn converged_part(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot) -> Option<Part> {
    let is_even = snapshot.split.configured.as_ref().is_some_and(|configured| configured.even);
    let converged = converged(view, snapshot).filter(|_| snapshot.drift.is_none() && is_even)?;
    let words = |words: String, ink| vec![piece(words, canvas.look.ink(ink))];
    Some(match converged.converged {
        Some(true) => Part::new(4, words("converged".to_owned(), Ink::Plain)),
        Some(false) => Part::new(2, words(format!("not converged ({})", converged.words), Ink::Warn))
            .or(words("not converged".to_owned(), Ink::Warn)),
        None => Part::new(4, words("converged ?".to_owned(), Ink::Stale)),
    })
}

/// Whether the newest sample is too old for the measured split to be of now.
pub(super) fn is_old_sample(view: &View<'_>, measured: &MeasuredView) -> bool {
    view.is_cut_off() || view.age(measured.newest) > PROBES_STALE
}

/// The same in whole percents, rounded outwards.
pub(super) fn wide_interval(measured: &MeasuredView) -> String {
    format!("{:.0}-{:.0}%", (measured.low * 100.0).floor(), (measured.high * 100.0).ceil())
}

/// `21.6-28.7%`: where the share is at 95 %; near the edges its middle and half its width would say what cannot be.
pub(super) fn interval(measured: &MeasuredView) -> String {
    format!("{:.1}-{:.1}%", measured.low * 100.0, measured.high * 100.0)
}

fn measured_parts(canvas: &Canvas<'_>, view: &View<'_>, measured: &MeasuredView) -> Vec<Part> {
    let look = canvas.look;
    let old = is_old_sample(view, measured);
    let (mark, ink) = if old { ("?", Ink::Stale) } else { ("", Ink::Plain) };
    let mut parts = if measured.requests < PROBES_MIN {
        vec![Part::new(2, vec![piece(format!("probes: too few ({})", measured.requests), look.ink(Ink::Dim))])]
    } else {
        let share = format!("probes {}{mark}", interval(measured));
        let long = vec![piece(format!("{share} of {}", measured.requests), look.ink(ink))];
        vec![Part::new(2, long).or(vec![piece(share, look.ink(ink))])]
    };
    if measured.failed > 0 {
        let probes = if measured.failed == 1 { "probe" } else { "probes" };
        let words = format!("{} {probes} failed", measured.failed);
        parts.push(Part::new(2, vec![piece(words, look.ink(Ink::Warn))]));
    }
    if measured.unknown > 0 {
        parts.push(Part::new(2, vec![piece(format!("{} of nobody", measured.unknown), look.ink(Ink::Warn))]));
    }
    parts
}

/// Always on screen: where a rollback goes, and how long it takes.
pub(super) fn target_pieces(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot, width: u16) -> Vec<Piece> {
    let look = canvas.look;
    if let Some(breaks) = &snapshot.no_return {
        let critical = look.ink(Ink::Critical);
        let reached = snapshot.steps.iter().rfind(|step| step.no_return.is_some()).and_then(|step| step.reached);
        let since = |at: Option<String>| at.map_or_else(String::new, |at| format!(" since {at}"));
        let [long, short] = [since(reached.map(Wall::clock)), since(reached.map(Wall::minute))];
        let part = Part::new(0, vec![piece(format!("NO ROLLBACK by itself{long}: {breaks}"), critical)]);
        let part = part.or(vec![piece(format!("NO ROLLBACK{short}: {breaks}"), critical)]);
        return fit(look, &[part, time_to_safe(view, snapshot, 1, look.ink(Ink::Dim))], "  ", width);
    }
    let whole = target(canvas, view, snapshot);
    let mut part = Part::new(0, vec![whole.clone()]);
    if snapshot.rollback_target.ready == Some(true) {
        let stable = &snapshot.environments.stable;
        let up = stable.up.map_or_else(String::new, |(up, all)| format!(" {up}/{all} up"));
        let mark = if view.is_cut_off() { " ?" } else { "" };
        part = part.or(vec![piece(format!("rollback target{mark}: {} {}{up}", stable.chip, stable.label), whole.1)]);
    }
    let tempo = time_to_safe(view, snapshot, 1, look.ink(Ink::Dim));
    fit(look, &[part, tempo], "  ", width)
}

/// `rollback target: BLUE v2.0.5 healthy`, marked when nobody knows whether that is so now.
pub(super) fn target(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot) -> Piece {
    let target = &snapshot.rollback_target;
    let (prefix, ink) = match target.ready {
        Some(false) => ("TARGET NOT READY: ", Ink::Critical),
        Some(true) if !view.is_cut_off() => ("rollback target: ", Ink::Plain),
        Some(true) | None => ("rollback target ?: ", Ink::Stale),
    };
    piece(format!("{prefix}{}", target.words), canvas.look.ink(ink))
}

/// How long a rollback takes, in as many words as there is room for.
pub(super) fn time_to_safe(view: &View<'_>, snapshot: &Snapshot, rank: u8, style: Style) -> Part {
    let [first, rest @ ..] = time_words(view, snapshot);
    let part = Part::new(rank, vec![piece(first, style)]);
    rest.into_iter().fold(part, |part, words| part.or(vec![piece(words, style)]))
}

/// `R now: ~0.4s to send, ~6.1s measured, ~6s until proven`, and in fewer words. What was measured is there when
/// requests followed later than the balancer's own word. No time where nobody knows one: the balancer is not heard. Nothing
/// at all where `R` does nothing.
pub(super) fn time_words(view: &View<'_>, snapshot: &Snapshot) -> [String; 3] {
    let tempo = &snapshot.tempo;
    if let Some(words) = snapshot.rollback.as_ref().and_then(|rollback| way_back_words(view, snapshot, rollback)) {
        return [words.clone(), words.clone(), words];
    }
    if view.desk.instead_of_rollback(view.status, view.rights).is_some() {
        return Default::default();
    }
    // What the balancer does nobody knows then: the rollback goes there from this host.
    if view.is_cut_off() {
        let words = "R: directly from here".to_owned();
        return [words.clone(), words.clone(), words];
    }
    if is_old(view, snapshot) || snapshot.split.configured.is_none() {
        let words = "R: lands when the balancer answers".to_owned();
        return [words.clone(), words.clone(), words];
    }
    if snapshot.rollback_target.is_idle {
        let words = "R: nothing to roll back yet".to_owned();
        return [words.clone(), words.clone(), words];
    }
    let goes = snapshot.steps.iter().any(|step| step.state == StepState::Going);
    if !goes && configured(view, snapshot) == Some((0.0, true)) {
        let words = format!("R: ends the run, already on {}", snapshot.environments.stable.chip);
        return [words.clone(), words, "R: ends the run".to_owned()];
    }
    // The read-back tells when it was there; the balancer's yes only that it was asked.
    let there = tempo.read_back.max(tempo.to_balancer);
    let proven = (there.unwrap_or_default() + snapshot.lateness).as_secs_f64().ceil();
    let last = tempo.confirmed.map_or_else(String::new, |last| format!("; last in {}", took(last)));
    let measured = tempo.follows_later().map(took);
    match there {
        Some(there) => {
            let there = took(there);
            let followed = measured.map_or_else(String::new, |measured| format!(", ~{measured} measured"));
            [
                format!("R now: ~{there} to send{followed}, ~{proven:.0}s until proven{last}"),
                format!("R now: ~{there} to send, ~{proven:.0}s until proven"),
                format!("R: {there}, proven after {proven:.0}s"),
            ]
        }
        None => [
            format!("R now: ~{proven:.0}s until proven{last}"),
            format!("R now: ~{proven:.0}s until proven"),
            format!("R: proven after {proven:.0}s"),
        ],
    }
}

/// How far the rollback is that was accepted: there is no other one to wait for. `None` where the keeper is not heard and
/// had not called it confirmed: the next goes from this host.
fn way_back_words(view: &View<'_>, snapshot: &Snapshot, rollback: &RollbackView) -> Option<String> {
    if rollback.foreign.is_some() {
        return (!view.is_cut_off()).then(|| "not sent over a foreign setting".to_owned());
    }
    if let Some(confirmed) = rollback.confirmed {
        return Some(format!("last: confirmed in {}", took(confirmed)));
    }
    let read_back = match rollback.read_back {
        _ if view.is_cut_off() => return None,
        None => return Some("not read back yet".to_owned()),
        Some(read_back) => read_back,
    };
    // One agreeing read proves nothing yet: what it showed must still be there, and only the keeper says when that is
    // proof.
    let left = (rollback.accepted_mono + read_back + snapshot.lateness).since(view.now).min(snapshot.lateness);
    let is_proving = !left.is_zero() && configured(view, snapshot) == Some((0.0, true));
    Some(if is_proving { format!("proven in {:.0}s", left.as_secs_f64().ceil()) } else { "not proven yet".to_owned() })
}

/// `0.4s`: tenths, and nothing is quicker than the first of them.
fn took(duration: Duration) -> String {
    format!("{:.1}s", duration.as_secs_f64().max(0.1))
}
