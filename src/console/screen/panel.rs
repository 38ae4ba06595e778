//! The panels that stand where the log was; they never cover gauge, signals or checks.

mod reassert;

use super::canvas::{Canvas, Piece, tail};
use super::fit::{Part, fit};
use super::look::Ink;
use super::{View, checks, debug, details, footer, help, piece, progress, signals, traffic};
use crate::console::desk::dialog::{Deed, Dialog, Fields, Kind};
use crate::console::desk::forward::Way;
use crate::console::desk::keymap::Action;
use crate::console::fresh;
use crate::domain::{Clean, Role, Split, Verdict};
use crate::engine::{Command, Snapshot, StepState};
use ratatui::layout::Rect;

type Line = Vec<Piece>;

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, snapshot: Option<&Snapshot>) {
    let Some(dialog) = &view.desk.dialog else { return };
    if area.height == 0 {
        return;
    }
    canvas.clear(area);
    let bold = canvas.look.ink(Ink::Bold);
    // Where every row counts, a rule leaves one more for what matters.
    let framed = area.height >= 6;
    let rows = usize::from(area.height - if framed { 2 } else { 1 });
    let width = area.width.saturating_sub(if framed { 4 } else { 2 });
    let (lines, hint) = match &dialog.kind {
        Kind::Help { from, .. } => help::lines(canvas, view, width, rows, *from),
        Kind::Debug => (debug::lines(canvas, view, width), String::new()),
        Kind::Progress => (progress::lines(canvas, view, snapshot, width, rows), String::new()),
        Kind::Check { name, from } => {
            let lines = snapshot.map(|snapshot| details::check(canvas, view, snapshot, name, width));
            details::scrolled(lines.unwrap_or_default(), *from, rows)
        }
        Kind::Event { entry, since, times, from } => {
            details::scrolled(details::event(canvas, view, entry, (*since, *times), width), *from, rows)
        }
        Kind::Note => details::note(canvas, view, width, rows),
        Kind::Reason { chosen, typed } => {
            (details::reason(canvas, *chosen, typed.as_deref(), width, rows), String::new())
        }
        Kind::RollBack { .. }
        | Kind::Advance { .. }
        | Kind::Resume { .. }
        | Kind::Reassert { .. }
        | Kind::Locked
        | Kind::Override(_)
        | Kind::Take { .. }
        | Kind::Confirm { .. } => {
            (lines_of(canvas, view, dialog, snapshot, width, rows), countdown(canvas, view, dialog))
        }
    };
    let lines = within(canvas, lines, rows, dialog.acts());
    let title = [piece(title_of(view, dialog, snapshot), bold)];
    let hint = [piece(hint, bold)];
    let inside = if framed {
        let height = (lines.len() as u16 + 2).min(area.height).max(4);
        canvas.frame(Rect { height, ..area }, &title, &hint, true)
    } else {
        canvas.rule(area, area.y, &title, &hint);
        Rect { y: area.y + 1, height: area.height - 1, ..area }
    };
    for (row, line) in lines.iter().take(inside.height.into()).enumerate() {
        canvas.pieces(inside.x + 1, inside.y + row as u16, inside.width.saturating_sub(1), line);
    }
}

/// What has no room is counted. A panel that acts keeps its first rows and its last, which says how to confirm.
fn within(canvas: &Canvas<'_>, mut lines: Vec<Line>, rows: usize, acts: bool) -> Vec<Line> {
    if lines.len() <= rows || rows == 0 {
        return lines;
    }
    let look = canvas.look;
    if acts {
        let last = lines.pop();
        let missing = lines.len() - (rows - 1);
        lines.truncate(rows - 1);
        lines.extend(last.map(|mut last| {
            last.push(piece(format!("   +{missing} more"), look.ink(Ink::Dim)));
            last
        }));
    } else {
        let missing = lines.len() - (rows - 1);
        lines.truncate(rows - 1);
        lines.push(vec![piece(format!("+{missing} more"), look.ink(Ink::Dim))]);
    }
    lines
}

fn title_of(view: &View<'_>, dialog: &Dialog, snapshot: Option<&Snapshot>) -> String {
    let target = snapshot.map_or_else(String::new, |snapshot| format!(" {}", snapshot.title));
    match &dialog.kind {
        Kind::RollBack { .. } => match snapshot.and_then(|snapshot| blind_words(view, snapshot)) {
            Some(blind) => format!("ROLL BACK{target}  {blind}"),
            None => format!("ROLL BACK{target}"),
        },
        Kind::Advance { .. } => format!("ADVANCE{target}"),
        Kind::Resume { .. } => format!("RESUME{target}"),
        Kind::Reassert { .. } => {
            let locked = snapshot.is_some_and(|snapshot| view.desk.reassert_lock(snapshot, view.now).is_some());
            let to = snapshot.map_or_else(String::new, |snapshot| format!(" {}", snapshot.split.wanted));
            match (dialog.acts(), locked) {
                (true, _) => format!("RE-ASSERT{to}{target}"),
                (false, true) => "RE-ASSERT is locked".to_owned(),
                (false, false) => "RE-ASSERT is unlocked".to_owned(),
            }
        }
        Kind::Locked => match snapshot.map(|snapshot| view.desk.way(snapshot, view.now)) {
            Some(Way::Locked(lock)) => format!("{} is locked", lock.what),
            Some(Way::Advance) => "ADVANCE is unlocked".to_owned(),
            Some(Way::Resume) => "RESUME is unlocked".to_owned(),
            None => "ADVANCE is locked".to_owned(),
        },
        Kind::Override(_) => format!("OVERRIDE{target}"),
        Kind::Take { .. } => format!("TAKE CONTROL{target}"),
        Kind::Confirm { what, .. } => format!("{}{target}", what.to_uppercase()),
        Kind::Progress => format!("ROLLBACK{target}"),
        Kind::Help { .. } => "KEYS, MARKS, LIMITS".to_owned(),
        Kind::Debug => "THIS CONSOLE".to_owned(),
        Kind::Check { name, .. } => format!("CHECK {name}"),
        Kind::Event { times: 1, .. } => "EVENT".to_owned(),
        Kind::Event { times, .. } => format!("EVENT x{times}"),
        Kind::Note => format!("NOTE{target}"),
        Kind::Reason { .. } => format!("REASON OF THE ROLLBACK{target}"),
    }
}

/// `BLIND: no metrics for 74s`: a rollback needs none.
fn blind_words(view: &View<'_>, snapshot: &Snapshot) -> Option<String> {
    let age =
        fresh::feed(snapshot).age(view.now).map_or_else(|| "yet".to_owned(), |age| format!("for {}s", age.as_secs()));
    view.is_blind(snapshot).then(|| format!("BLIND: no metrics {age}"))
}

/// `disarms in 7s ███████░░░`.
fn countdown(canvas: &Canvas<'_>, view: &View<'_>, dialog: &Dialog) -> String {
    let Some((left, whole)) = dialog.seconds_left(view.now).zip(dialog.lasts()) else { return String::new() };
    let word = if matches!(dialog.kind, Kind::RollBack { .. }) { "disarms" } else { "closes" };
    let filled = (left as f64 / whole.as_secs_f64() * 10.0).ceil().clamp(0.0, 10.0) as usize;
    let [to_go, gone] = [canvas.look.glyph("█", "#"), canvas.look.glyph("░", ".")];
    format!("{word} in {left}s {}{}", to_go.repeat(filled), gone.repeat(10 - filled))
}

fn lines_of(
    canvas: &Canvas<'_>,
    view: &View<'_>,
    dialog: &Dialog,
    snapshot: Option<&Snapshot>,
    width: u16,
    rows: usize,
) -> Vec<Line> {
    let look = canvas.look;
    let plain = |text: String| vec![piece(text, look.ink(Ink::Plain))];
    let wrapped = |text: &str| view.wrap(text, width).into_iter().map(plain).collect::<Vec<_>>();
    match (&dialog.kind, snapshot) {
        (Kind::Locked, Some(snapshot)) => locked(canvas, view, snapshot, width),
        (Kind::Override(fields), Some(snapshot)) => override_lines(canvas, fields, snapshot, width, rows),
        (Kind::Take { from }, _) => {
            let mut lines = wrapped(&format!("{from} drives now and will see that you took control."));
            lines.push(ask_line(canvas, view, "TAKE CONTROL", "keep watching", width));
            lines
        }
        (Kind::Confirm { words, what, does }, snapshot) => {
            let mut lines = wrapped(words);
            // The band says the same, but for what would be gone over.
            let state = snapshot.filter(|_| lines.len() + 1 < rows);
            lines.extend(state.map(|s| match does {
                Deed::Send(Command::SendAgain) => fit(look, &moves(canvas, view, s, Split::ALL_STABLE), "   ", width),
                Deed::Send(_) | Deed::Restart => plain(format!("{}: {}", s.band.word, s.band.text)),
            }));
            lines.push(ask_line(canvas, view, &what.to_uppercase(), "leave it", width));
            lines
        }
        (Kind::RollBack { typed }, Some(snapshot)) => {
            roll_back(canvas, view, snapshot, typed.as_ref().map(|typing| typing.so_far.as_str()), width, rows)
        }
        (Kind::RollBack { typed: Some(typing) }, None) => {
            let mut lines = wrapped(refused_words(view));
            lines.push(name_line(canvas, "the service's name", &typing.so_far, width));
            lines
        }
        (Kind::RollBack { typed: None }, None) => {
            let mut lines = wrapped("The keeper has not been heard: y rolls back directly from this host.");
            lines.push(confirm_line(canvas, "ROLL BACK NOW", "keep as it is", width));
            lines
        }
        (Kind::Advance { .. }, Some(snapshot)) => advance(canvas, view, snapshot, width, rows),
        (Kind::Resume { .. }, Some(snapshot)) => resume(canvas, view, snapshot, width),
        (Kind::Reassert { .. }, Some(snapshot)) => reassert::lines(canvas, view, dialog, snapshot, width, rows),
        (
            Kind::Override(_) | Kind::Advance { .. } | Kind::Resume { .. } | Kind::Reassert { .. } | Kind::Locked,
            None,
        )
        | (
            Kind::Progress
            | Kind::Help { .. }
            | Kind::Debug
            | Kind::Check { .. }
            | Kind::Event { .. }
            | Kind::Note
            | Kind::Reason { .. },
            _,
        ) => Vec::new(),
    }
}

/// ` y  ROLL BACK NOW     Esc  keep as it is     any other key cancels`.
fn confirm_line(canvas: &Canvas<'_>, does: &str, stays: &str, width: u16) -> Line {
    fit(canvas.look, &confirm_parts(canvas, does, stays), "    ", width)
}

/// The same where the way back is another question: ` y  ADVANCE TO 25%    Esc  stay at 5%    R  asks to roll back`. What
/// `R` and `H` come to is asked where the footer asks it.
fn ask_line(canvas: &Canvas<'_>, view: &View<'_>, does: &str, stays: &str, width: u16) -> Line {
    let [yes, no, _] = confirm_parts(canvas, does, stays);
    let bold = canvas.look.ink(Ink::Bold);
    let mut parts = vec![yes, no];
    let others = [(2, "R", Action::Rollback, "asks to roll back"), (3, "H", Action::Hold, "holds")];
    for (rank, key, action, words) in others {
        let (words, works) = footer::word_of_now(view, action, words);
        // What is asked already is no other question.
        if works && !words.eq_ignore_ascii_case(does) {
            parts.push(Part::new(rank, vec![piece(format!("{key}  {words}"), bold)]));
        }
    }
    fit(canvas.look, &parts, "    ", width)
}

fn confirm_parts(canvas: &Canvas<'_>, does: &str, stays: &str) -> [Part; 3] {
    let bold = canvas.look.ink(Ink::Bold);
    [
        Part::new(0, vec![piece(format!(" y  {does}"), bold)]).or(vec![piece(format!("y  {does}"), bold)]),
        Part::new(1, vec![piece(format!("Esc  {stays}"), bold)]).or(vec![piece("Esc  cancel", bold)]),
        Part::new(3, vec![piece("any other key cancels", bold)]),
    ]
}

/// `GREEN v2.1.0  25% → 0%`, `BLUE v2.0.5  75% → 100%`.
fn moves(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot, to: Split) -> Vec<Part> {
    let bold = canvas.look.ink(Ink::Bold);
    let now = traffic::configured(view, snapshot);
    Role::BOTH
        .into_iter()
        .rev()
        .map(|role| {
            let environment = &snapshot.environments[role];
            // In the words of where it goes: a first step of 0.4 % is not nothing.
            let from = now.and_then(|(share, is_of_now)| {
                let split = Split::from_fraction(share)?.seen_from(role);
                Some(format!("{split}{}", if is_of_now { "" } else { "?" }))
            });
            let from = from.unwrap_or_else(|| "?".to_owned());
            let to = to.seen_from(role);
            let long = format!("{} {}  {from} → {to}", environment.chip, environment.label);
            let short = format!("{} {from} → {to}", environment.chip);
            let rank = u8::from(role == Role::Stable);
            Part::new(rank, vec![piece(long, bold)]).or(vec![piece(short, bold)])
        })
        .collect()
}

fn roll_back(
    canvas: &Canvas<'_>,
    view: &View<'_>,
    snapshot: &Snapshot,
    typed: Option<&str>,
    width: u16,
    rows: usize,
) -> Vec<Line> {
    let look = canvas.look;
    let plain = look.ink(Ink::Plain);
    let going = snapshot.steps.iter().find(|step| step.state == StepState::Going).map(|step| step.split);
    let nothing = snapshot.rollback_target.is_idle && !view.is_cut_off();
    let mut lines = Vec::new();
    if nothing {
        let stable = &snapshot.environments.stable;
        let words = format!("nothing to roll back: everything is on {} {}", stable.chip, stable.label);
        lines.extend(view.wrap(&words, width).into_iter().map(|line| vec![piece(line, look.ink(Ink::Bold))]));
    } else {
        let mut question = moves(canvas, view, snapshot, Split::ALL_STABLE);
        question.push(traffic::time_to_safe(view, snapshot, 2, plain));
        lines.push(fit(look, &question, "   ", width));
    }
    if let Some(typed) = typed {
        let critical = look.ink(Ink::Critical);
        let past = snapshot.no_return.as_ref();
        let mut why: Vec<Part> = Vec::new();
        if past.is_none() && snapshot.rollback_target.ready != Some(false) {
            // The picture is too old to know why, or it is over by now.
            let words = Some(refused_words(view)).filter(|words| !words.is_empty());
            why.extend(words.map(|words| Part::new(0, vec![piece(words, critical)])));
        } else if snapshot.rollback_target.ready == Some(false) {
            let words = format!("TARGET NOT READY: {}", snapshot.rollback_target.words);
            why.push(Part::new(0, vec![piece(words, critical)]).or(vec![piece("TARGET NOT READY", critical)]));
        }
        why.extend(
            past.map(|breaks| Part::new(0, vec![piece(format!("past the point of no return: {breaks}"), critical)])),
        );
        // Both are read before anything is typed, in one row where there is no other.
        if lines.len() + why.len() < rows {
            lines.extend(why.into_iter().map(|part| fit(look, &[part], "", width)));
        } else {
            lines.push(fit(look, &why, "  ", width));
        }
        lines.push(name_line(canvas, snapshot.name.as_str(), typed, width));
        return lines;
    }
    if !nothing {
        lines.push(seen(canvas, view, snapshot, going, width));
    }
    // Where there is no room it is in sight above: the title of the traffic says it always.
    if lines.len() + 1 < rows {
        lines.push(vec![traffic::target(canvas, view, snapshot)]);
    }
    let does = if nothing {
        format!("does nothing: everything is on {}", snapshot.environments.stable.chip)
    } else {
        "ROLL BACK NOW".to_owned()
    };
    lines.push(confirm_line(canvas, &does, "keep as it is", width));
    lines
}

/// Why a direct rollback was refused, in its own words; what to type stands below them.
fn refused_words<'v>(view: &View<'v>) -> &'v str {
    let words = view.desk.direct.as_ref().and_then(|direct| direct.lines.last()).map_or("", Clean::as_str);
    words.split("; type ").next().unwrap_or_default()
}

/// `type checkout to roll back all the same: check_`.
fn name_line(canvas: &Canvas<'_>, name: &str, typed: &str, width: u16) -> Line {
    let bold = canvas.look.ink(Ink::Bold);
    let asks = Part::new(0, vec![piece(format!("type {name} to roll back all the same:"), bold)])
        .or(vec![piece(format!("type {name}:"), bold)]);
    let field = Part::new(0, vec![piece(format!("{}_", Clean::new(typed)), bold)]);
    fit(canvas.look, &[asks, field], " ", width)
}

/// What a rollback stops, and what was seen on the candidate.
fn seen(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot, going: Option<Split>, width: u16) -> Line {
    let look = canvas.look;
    let plain = |words: String| vec![piece(words, look.ink(Ink::Plain))];
    let stops = match going {
        Some(to) => {
            let from =
                snapshot.steps.iter().rfind(|step| step.reached.is_some()).map_or(Split::ALL_STABLE, |s| s.split);
            let shift = format!("Interrupts shift {from} → {to}");
            Part::new(1, plain(format!("{shift} and ends this cutover."))).or(plain(format!("{shift}.")))
        }
        None => Part::new(1, plain("Ends this cutover.".to_owned())),
    };
    if view.is_blind(snapshot) {
        let blind = piece("BLIND: values are OLD; the rollback does not need them.", look.ink(Ink::Stale));
        let short = piece("BLIND: values are OLD.", look.ink(Ink::Stale));
        return fit(look, &[Part::new(0, vec![blind]).or(vec![short]), stops], " ", width);
    }
    let seen: Vec<String> = snapshot
        .signals
        .iter()
        .filter(|signal| signal.role == Role::Candidate)
        .map(|signal| {
            let (mark, value, _) = signals::value_words(canvas, signal, signals::is_old(view, snapshot, signal));
            // An old value has its mark behind it.
            let mark = if value.ends_with('?') { "" } else { mark.trim() };
            format!("{} {mark}{value}", signal.signal)
        })
        .collect();
    let seen = Part::new(0, vec![piece(format!("Seen on candidate: {}", seen.join("  ")), look.ink(Ink::Plain))]);
    fit(look, &[stops, seen], "  ", width)
}

/// Where every row counts the question, the numbers that decide it and `y` stay.
fn advance(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot, width: u16, rows: usize) -> Vec<Line> {
    let look = canvas.look;
    let Some(next) = &snapshot.next else { return Vec::new() };
    let plain = look.ink(Ink::Plain);
    let mut question = moves(canvas, view, snapshot, next.split);
    let step = snapshot.steps.iter().position(|step| step.state == StepState::ToCome && step.split == next.split);
    let kind = match step.map(|step| (step, &snapshot.steps[step])) {
        Some((step, _)) if step + 1 == snapshot.steps.len() => "LAST STEP",
        Some((_, step)) if step.hold => "HOLD POINT",
        Some(_) | None => "",
    };
    question.push(Part::new(2, vec![piece(kind, look.ink(Ink::Bold))]));
    let mut warnings: Vec<Line> = Vec::new();
    if let Some(breaks) = step.and_then(|step| snapshot.steps[step].no_return.as_ref()) {
        warnings.push(vec![piece(format!("NO RETURN from there: {breaks}"), look.ink(Ink::Critical))]);
    }
    for gate in snapshot.gates.iter().filter(|gate| gate.verdict == Verdict::Warn) {
        warnings.push(vec![piece(format!("! {}: {}", gate.name, gate.detail), look.ink(Ink::Warn))]);
    }
    let open = snapshot.gates.iter().filter(|gate| gate.is_open()).count();
    let mut gates = vec![
        Part::new(3, vec![piece(format!("gates {open}/{} open", snapshot.gates.len()), plain)]),
        Part::new(4, vec![piece(checks_words(view, snapshot), plain)]),
    ];
    let mut numbers = numbers(canvas, view, snapshot);
    let mut lines = vec![fit(look, &question, "     ", width)];
    // What is missing is in sight above, but for the warnings: they share the row of the numbers.
    let spare = rows.saturating_sub(3);
    if warnings.len() > spare {
        let joined = warnings.into_iter().map(|line| Part::new(0, line));
        lines.push(fit(look, &joined.chain(numbers).chain(gates).collect::<Vec<_>>(), "  ", width));
    } else {
        let is_tall = spare > warnings.len();
        if is_tall {
            let mut ages = super::header::ages(canvas, view, snapshot, super::header::Brevity::Full);
            ages.pop();
            gates.push(Part::new(5, ages));
            lines.push(fit(look, &numbers, "   ", width));
            lines.push(fit(look, &gates, "   ", width));
        } else {
            numbers.extend(gates);
            lines.push(fit(look, &numbers, "  ", width));
        }
        let taken = warnings.len() + usize::from(is_tall);
        lines.extend(warnings);
        if spare > taken {
            lines
                .push(vec![piece("What changes meanwhile is asked anew: y is for what is shown.", look.ink(Ink::Dim))]);
        }
    }
    let stays = format!("stay at {}", snapshot.split.wanted);
    lines.push(ask_line(canvas, view, &format!("ADVANCE TO {}", next.split), &stays, width));
    lines
}

/// `5xx GREEN 0.82% of 1.00%`, `P99 GREEN 50ms of 200ms`: what one decides on. No limit judges what our own checks
/// were answered before anybody is sent there.
fn numbers(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot) -> Vec<Part> {
    let is_idle = snapshot.split.wanted == Split::ALL_STABLE;
    let mut candidate = snapshot.signals.iter().filter(|signal| signal.role == Role::Candidate).peekable();
    let asked =
        candidate.peek().and_then(|signal| signal.requests).map_or_else(String::new, |asked| format!("{asked} "));
    let own = is_idle.then(|| Part::new(1, vec![piece(format!("{asked}own checks"), canvas.look.ink(Ink::Dim))]));
    candidate
        .map(|signal| {
            let (mark, value, style) = signals::value_words(canvas, signal, signals::is_old(view, snapshot, signal));
            let mark = if value.ends_with('?') { "" } else { mark.trim() };
            // Whichever would lock it first.
            let limit = signal.limit.into_iter().chain(signal.asked_below).reduce(f64::min).filter(|_| !is_idle);
            let limit = limit.map_or_else(String::new, |limit| format!(" of {}", signal.quantity(limit)));
            let chip = &snapshot.environments.candidate.chip;
            Part::new(1, vec![piece(format!("{} {chip} {mark}{value}{limit}", signal.signal), style)])
                .or(vec![piece(format!("{} {mark}{value}{limit}", signal.signal), style)])
        })
        .chain(own)
        .collect()
}

fn checks_words(view: &View<'_>, snapshot: &Snapshot) -> String {
    format!("checks {}/{} ok", checks::good(view, snapshot), snapshot.checks.len())
}

fn resume(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot, width: u16) -> Vec<Line> {
    let look = canvas.look;
    let why = snapshot.held.as_ref().map_or_else(String::new, |held| {
        let since = held.since.clock();
        if held.automatic {
            format!("Auto-hold since {since}: {}", held.why)
        } else {
            format!("Held since {since} by {}", held.by)
        }
    });
    let mut lines: Vec<Line> =
        view.wrap(&why, width).into_iter().map(|line| vec![piece(line, look.ink(Ink::Plain))]).collect();
    lines.push(vec![piece("Moves no traffic.", look.ink(Ink::Dim))]);
    lines.push(ask_line(canvas, view, &format!("RESUME at {}", snapshot.split.wanted), "stay held", width));
    lines
}

/// As of now: what it said when it was opened may long be over.
fn locked(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot, width: u16) -> Vec<Line> {
    let look = canvas.look;
    let lock = match view.desk.way(snapshot, view.now) {
        Way::Locked(lock) => lock,
        Way::Advance | Way::Resume => {
            return vec![vec![piece("unlocked: press A to see what it would do", look.ink(Ink::Bold))]];
        }
    };
    // What time alone unlocks comes first: it needs nothing typed.
    let mut lines: Vec<Line> = Vec::new();
    let only_bake = snapshot.gates.iter().filter(|gate| !gate.is_open()).all(|gate| gate.name.as_str() == "bake");
    // A resume waits for no bake.
    let waits_for_bake = lock.what == "ADVANCE" && lock.can_override;
    if let Some((healthy, need)) = snapshot.bake.filter(|(healthy, need)| waits_for_bake && healthy < need) {
        let left = need.saturating_sub(healthy).as_secs_f64().ceil();
        let words = if only_bake {
            format!("unlocks by itself in {left:.0} s of healthy bake: wait, then press A")
        } else {
            format!("the bake needs {left:.0} s more of healthy time; the rest must become good")
        };
        lines.push(vec![piece(words, look.ink(Ink::Bold))]);
    }
    let mark = look.glyph("✗", "X");
    let reasons = lock.reasons.iter().flat_map(|reason| view.wrap(&format!("{mark} {reason}"), width));
    lines.extend(reasons.map(|line| vec![piece(line, look.ink(Ink::Plain))]));
    if lock.can_override {
        lines.push(vec![piece("O  override: typed name and reason, written down", look.ink(Ink::Dim))]);
    }
    lines
}

fn override_lines(canvas: &Canvas<'_>, fields: &Fields, snapshot: &Snapshot, width: u16, rows: usize) -> Vec<Line> {
    let look = canvas.look;
    let field = |here: bool, label: String, text: &str| {
        let (mark, cursor) = if here { ("> ", "_") } else { ("  ", "") };
        let style = if here { look.ink(Ink::Bold) } else { look.ink(Ink::Plain) };
        let head = format!("{mark}{label}: ");
        // The end of what is typed stays in sight.
        let room = width.saturating_sub(super::canvas::width_of(&head) + 1);
        let text = tail(Clean::new(text).as_str(), room, look.glyph("…", "~"));
        vec![piece(format!("{head}{text}{cursor}"), style)]
    };
    let mut lines = vec![
        field(!fields.in_reason, format!("type {}", snapshot.name), &fields.name),
        field(fields.in_reason, "reason".to_owned(), &fields.reason.lines().join(" ")),
    ];
    if rows > lines.len() {
        lines.push(vec![piece("Goes forward over closed gates; written down with your name.", look.ink(Ink::Dim))]);
    }
    lines
}
