//! The one sentence: state, why, since when, what next. What is armed or done here stands before what the keeper says.

use super::canvas::{Canvas, Piece};
use super::fit::{Part, fit};
use super::header::age_words;
use super::look::Ink;
use super::{View, piece};
use crate::console::desk::alarms::Level;
use crate::console::desk::dialog::Kind;
use crate::console::desk::direct::{Direct, Standing};
use crate::engine::{Phase, Severity, Snapshot};
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

/// Words, fewer words, and what is left out first.
type Words = (String, Option<String>, u8);

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, snapshot: &Snapshot) {
    let (severity, parts) = sentence(canvas, view, snapshot);
    let style = canvas.look.band(severity);
    canvas.text(area.x, area.y, area.width, &" ".repeat(area.width.into()), style);
    let room = area.width.saturating_sub(1);
    let line = fitted(canvas, &parts, style, room);
    canvas.pieces(area.x + 1, area.y, room, &line);
    chip(canvas, area, view, &line);
}

/// The one thing that ever blinks: the alarm that nobody has acknowledged, once a second; steady as soon as somebody
/// has. It is the part that was added to the sentence, or where the sentence says it already its first.
fn chip(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, line: &[Piece]) {
    let is_armed = view.desk.dialog.as_ref().is_some_and(|dialog| matches!(dialog.kind, Kind::RollBack { .. }));
    let is_on = view.desk.alarms.rings() && view.now.micros() / 1_000_000 % 2 == 1;
    let mark = format!("{} ", canvas.look.glyph("✗", "X"));
    let added = line.iter().rposition(|(text, _)| text.starts_with(&mark));
    let place = match added {
        _ if is_armed => return,
        Some(place) => place,
        None if is_on => 0,
        None => return,
    };
    let Some((text, style)) = line.get(place) else { return };
    let own = canvas.look.ink(Ink::Critical).add_modifier(Modifier::BOLD);
    let is_reversed = style.add_modifier.contains(Modifier::REVERSED);
    let style = match (added, is_on) {
        (Some(_), true) => own.add_modifier(Modifier::REVERSED),
        (Some(_), false) => own,
        (None, _) if is_reversed => Style { add_modifier: style.add_modifier - Modifier::REVERSED, ..*style },
        (None, _) => style.add_modifier(Modifier::REVERSED),
    };
    let x = area.x + 1 + super::fit::columns(canvas.look, &line[..place]);
    let own_cells = Rect { x, width: super::fit::columns(canvas.look, &line[place..=place]), height: 1, ..area };
    canvas.clear(own_cells);
    canvas.text(x, area.y, area.right().saturating_sub(x), text, style);
}

/// The newest critical alarm that the sentence does not say, and behind it how many more there are.
fn alarm(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot, parts: &[Words]) -> Vec<Words> {
    let said: String = parts.iter().map(|(words, _, _)| words.as_str()).collect::<Vec<_>>().join(" ");
    let raised = view.desk.alarms.raised();
    let dialog = view.desk.dialog.as_ref();
    let is_undone = dialog.is_some_and(|dialog| matches!(dialog.kind, Kind::Reassert { seen: Some(_) }));
    let unsaid = raised.iter().filter(|alarm| {
        let condition = alarm.condition;
        // What is good again and only not cleared yet must not read as if it were so now; a drift that is over was settled
        // by somebody, or by its own author: it does not come and go. One that is to be undone is the question itself.
        let is_settled = condition.key == "drift" && (snapshot.drift.is_none() || is_undone);
        alarm.is_bad
            && condition.level == Level::Critical
            && !is_settled
            && !condition.said.iter().all(|word| said.contains(word.as_str()))
    });
    let mut unsaid: Vec<_> = unsaid.collect();
    // That it holds by itself comes of another one, which says what is bad.
    unsaid.sort_by_key(|alarm| alarm.condition.key == "held");
    let Some((newest, others)) = unsaid.split_first() else { return Vec::new() };
    let mark = canvas.look.glyph("✗", "X");
    let short = format!("{mark} {}", newest.condition.said.join(" "));
    let mut added = vec![(format!("{mark} {}", newest.condition.words), Some(short), 1)];
    let more = others.iter().filter(|alarm| alarm.condition.said != newest.condition.said).count();
    if more > 0 {
        added.push((format!("+{more} more"), None, 2));
    }
    added
}

/// The sentence in so many columns.
pub(super) fn fitted(canvas: &Canvas<'_>, parts: &[Words], style: Style, width: u16) -> Vec<Piece> {
    let parts: Vec<Part> = parts
        .iter()
        .map(|(words, short, rank)| {
            let part = Part::new(*rank, vec![piece(words.clone(), style)]);
            match short {
                Some(short) => part.or(vec![piece(short.clone(), style)]),
                None => part,
            }
        })
        .collect();
    fit(canvas.look, &parts, "  ", width)
}

pub(super) fn sentence(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot) -> (Severity, Vec<Words>) {
    let look = canvas.look;
    let must = |words: String| (words, None, 0);
    if let Some(dialog) = &view.desk.dialog
        && let Kind::RollBack { typed } = &dialog.kind
    {
        let stable = &snapshot.environments.stable;
        let mut parts = vec![(
            format!("ARMED: ROLL BACK to {} {} ?", stable.chip, stable.label),
            Some(format!("ARMED: ROLL BACK to {} ?", stable.chip)),
            0,
        )];
        match typed {
            None => {
                parts.push(must("y = do it".to_owned()));
                // A hold that stands goes on standing: nobody has to leave the panel to see that.
                let cancels = if snapshot.phase == Phase::Held { "Esc = stay held" } else { "Esc = cancel" };
                parts.push((cancels.to_owned(), None, 2));
                parts.extend(dialog.seconds_left(view.now).map(|left| (format!("disarms in {left}s"), None, 3)));
            }
            Some(_) => {
                // Where neither is so any more the name is asked for all the same: that is what was opened.
                let why = if snapshot.rollback_target.ready == Some(false) {
                    "NOT READY: "
                } else if snapshot.no_return.is_some() {
                    "NO RETURN: "
                } else {
                    ""
                };
                parts.push(must(format!("{why}type {}, Enter", snapshot.name)));
                parts.push(("Esc = cancel".to_owned(), None, 2));
            }
        }
        parts.extend(alarm(canvas, view, snapshot, &parts));
        return (Severity::Critical, parts);
    }
    if let Some(direct) = view.desk.direct_now(snapshot, view.now) {
        return directly(view, direct);
    }
    // A keeper that leaves with its run is no trouble: what stands is the end.
    if view.is_cut_off() && snapshot.phase != Phase::Ended {
        let age = view.heard_age().map_or_else(|| "always".to_owned(), age_words);
        let how = if view.desk.linked { "SILENT" } else { "GONE" };
        let instead = view.desk.instead_of_rollback(view.status, view.rights);
        let parts = vec![
            must(format!("KEEPER {how} {age}:")),
            (format!("was {}, values OLD;", snapshot.band.word), Some("values OLD;".to_owned()), 1),
            must(instead.unwrap_or_else(|| "R then y rolls back from here".to_owned())),
        ];
        return (Severity::Critical, parts);
    }
    if let Some(parts) = asked(canvas, view, snapshot) {
        return (snapshot.band.severity.max(Severity::Warn), parts);
    }
    let band = &snapshot.band;
    let mark = match (band.severity, snapshot.phase) {
        (Severity::Info | Severity::Warn, Phase::Held) => look.glyph("■", "#"),
        // The way back, under way and at its end, is neither what stands still nor a success.
        (_, Phase::RollingBack | Phase::NewTrafficBack | Phase::RolledBack) => look.glyph("◄", "<"),
        (Severity::Info, Phase::Complete) => look.glyph("✓", "+"),
        // Nothing has begun, or all is over: on one cell, and without colour, that is not what runs.
        (Severity::Info, Phase::Preflight | Phase::Ready | Phase::Ended) => look.glyph("○", "o"),
        (Severity::Info, _) => look.glyph("►", ">"),
        (Severity::Warn, _) => "!",
        (Severity::Critical, _) => look.glyph("■", "#"),
    };
    let mut parts = vec![must(format!("{mark} {}", band.word))];

    if band.parts.is_empty() {
        parts.push(must(band.text.to_string()));
    }
    parts.extend(
        band.parts.iter().map(|part| (part.words.to_string(), part.short.as_ref().map(ToString::to_string), part.rank)),
    );
    let alarm = alarm(canvas, view, snapshot, &parts);
    let severity = if alarm.is_empty() { band.severity } else { band.severity.max(Severity::Warn) };
    parts.extend(alarm);
    (severity, parts)
}

/// `ADVANCE 25% → 50% ?  y = do it  Esc = stay  closes in 20s`: an open question that `y` answers is the state here.
fn asked(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot) -> Option<Vec<Words>> {
    let dialog = view.desk.dialog.as_ref()?;
    let wanted = snapshot.split.wanted;
    let (question, stays) = if let Kind::Advance { .. } = dialog.kind {
        (format!("ADVANCE {wanted} → {} ?", snapshot.next.as_ref()?.split), "Esc = stay")
    } else if let Kind::Resume { .. } = dialog.kind {
        (format!("RESUME at {wanted} ?"), "Esc = stay held")
    } else if let Kind::Reassert { seen: Some(_) } = dialog.kind {
        let over = snapshot.drift.as_ref().map_or_else(String::new, |drift| format!(" over {}", drift.to));
        (format!("RE-ASSERT {wanted}{over} ?"), "Esc = leave it")
    } else {
        return None;
    };
    // How to leave it is in the panel and in the footer too; what has just gone wrong is said here alone.
    let mut parts = vec![(question, None, 0), ("y = do it".to_owned(), None, 0), (stays.to_owned(), None, 2)];
    parts.extend(dialog.seconds_left(view.now).map(|left| (format!("closes in {left}s"), None, 3)));
    parts.extend(alarm(canvas, view, snapshot, &parts));
    Some(parts)
}

/// `ROLLED BACK DIRECTLY +5.1s  (keeper silent 14s)`.
fn directly(view: &View<'_>, direct: &Direct) -> (Severity, Vec<Words>) {
    let newest = direct.lines.last().map_or("", |line| line.as_str());
    let lasting = view.now.since(direct.since).as_secs();
    let took = direct.took(direct.confirmed).unwrap_or_default().as_secs_f64();
    let must = |words: String| (words, None, 0);
    let (severity, mut parts) = match direct.standing(view.now) {
        Standing::Running => {
            (Severity::Critical, vec![must(format!("ROLLING BACK DIRECTLY +{lasting}s")), (newest.to_owned(), None, 2)])
        }
        Standing::Unknown => (
            Severity::Critical,
            vec![
                must(format!("ROLLING BACK DIRECTLY +{lasting}s")),
                must("UNKNOWN: not confirmed yet".to_owned()),
                (newest.to_owned(), None, 2),
            ],
        ),
        Standing::Foreign => (
            Severity::Critical,
            vec![
                must("DIRECT ROLLBACK STOPPED".to_owned()),
                must("FOREIGN: R y sends over it".to_owned()),
                (newest.to_owned(), None, 2),
            ],
        ),
        Standing::Confirmed => (
            Severity::Warn,
            vec![must(format!("ROLLED BACK DIRECTLY +{took:.1}s")), must("new traffic is on stable".to_owned())],
        ),
        Standing::Nothing => (Severity::Warn, vec![must("DIRECT ROLLBACK:".to_owned()), must(newest.to_owned())]),
        Standing::Failed => (
            Severity::Critical,
            vec![
                must("DIRECT ROLLBACK FAILED".to_owned()),
                if direct.is_lost {
                    // Half a command is none: where it has no room, it is in the panel.
                    let lost = "from here no plan is found: ";
                    let long = format!("{lost}warroom rollback {} --direct", view.elsewhere());
                    (long, Some(format!("{lost}roll back from a shell")), 0)
                } else {
                    must(direct.next_key().to_owned())
                },
                (newest.to_owned(), None, 1),
            ],
        ),
    };
    if view.is_cut_off() {
        let age = view.heard_age().map_or_else(String::new, |age| format!(" {}", age_words(age)));
        let how = if view.desk.linked { "silent" } else { "gone" };
        parts.push((format!("(keeper {how}{age})"), Some(format!("(keeper {how})")), 1));
    }
    (severity, parts)
}
