//! The words of the `:` command line: the one table of them, and what a line comes to.

use super::hooks::Wish;
use crate::domain::{Clean, parse_duration};
use crate::engine::Command;
use std::time::Duration;

/// How long automatic rollback is suspended when no time is given.
const SUSPEND_DEFAULT: Duration = Duration::from_secs(600);

/// What `:sendagain` asks, and `R` where the rollback stands still.
pub(super) const SEND_AGAIN: &str = "Sends the rollback over what somebody else set.";

/// One word of the command line.
#[derive(Debug, Clone, Copy)]
pub struct Word {
    /// As it is typed.
    pub name: &'static str,
    /// What may stand behind it.
    pub takes: &'static str,
    /// What it does.
    pub help: &'static str,
}

const fn word(name: &'static str, takes: &'static str, help: &'static str) -> Word {
    Word { name, takes, help }
}

/// Every word with its help; what is used most stands first.
pub const COMMANDS: &[Word] = &[
    word("hold", "", "as H: hold now"),
    word("rollback", "", "opens the panel of R"),
    word("advance", "[STEP]", "opens the panel of A; with a step only if that is the next"),
    word("take", "", "opens the panel of T"),
    word("note", "[TEXT]", "write it down; without a text: a panel for several lines"),
    word("reason", "", "why it was rolled back"),
    word("approve", "", "approve the next step"),
    word("adopt", "", "take the balancer's present setting as this run's own"),
    word("reassert", "", "set again what this run last set, over a foreign change"),
    word("complete", "", "finish a foreign move towards stable"),
    word("sendagain", "", "send the rollback over a foreign setting"),
    word("suspend", "[10m] REASON", "no automatic rollback for a while"),
    word("unsuspend", "", "automatic rollback on again"),
    word("run", "HOOK", "run one of the plan's own programs; Tab shows them"),
    word("stop", "HOOK", "end such a run, with everything that it started"),
    word("export", "[markdown|json]", "write the run's report to a file"),
    word("theme", "NAME", "other colours, on this console only"),
    word("readonly", "on|off", "whether this console may act"),
    word("debug", "", "how this console itself fares"),
    word("help", "", "all keys, marks and limits"),
    word("restart", "", "end this finished run and begin a new one"),
    word("end", "", "end the run; the split stays as it is"),
    word("q", "", "quit the console; traffic stays as it is"),
];

/// The palettes by name, with what they are for. `auto` is what the terminal's variables say.
pub const THEMES: &[(&str, &str)] = &[
    ("dark", "for a dark background"),
    ("light", "for a light background"),
    ("cvd", "for colour-vision deficiency"),
    ("mono", "no colour: bold, dim and reverse"),
    ("auto", "as NO_COLOR, TERM and the rest say"),
];

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Markdown,
    /// One JSON object a line.
    Json,
}

impl Format {
    /// As it is typed.
    pub fn word(self) -> &'static str {
        match self {
            Self::Markdown => "markdown",
            Self::Json => "json",
        }
    }
}

/// What a line comes to.
#[derive(Debug, Clone, PartialEq)]
pub enum Parsed {
    /// A command for the keeper.
    Send(Command, &'static str),
    /// A command for the keeper that moves traffic or ends the run: it needs `y`.
    Confirm(Command, &'static str, &'static str),
    /// The panel of `R`.
    Rollback,
    /// The panel of `A`; where a step is named, only if that is the next.
    Advance(Option<String>),
    /// The panel that sets again what this run last set.
    Reassert,
    /// The panel of `T`.
    Take,
    /// Leave.
    Quit,
    /// Begin anew.
    Restart,
    /// Run a hook of this name, or end its run.
    Hook(Wish, String),
    /// Write the report.
    Export(Format),
    /// Another palette.
    Theme(&'static str),
    /// Give up this console's rights, or have them back.
    ReadOnly(bool),
    /// How the console itself fares.
    Debug,
    /// All keys.
    Help,
    /// The panel of a note.
    Note,
    /// The panel of a rollback's reason.
    Reason,
    /// Not understood, and why.
    Wrong(String),
}

/// Reads one line.
pub fn parse(line: &str) -> Parsed {
    let line = line.trim();
    let (word, rest) = line.split_once(' ').map_or((line, ""), |(word, rest)| (word, rest.trim()));
    // `:approve no` must not approve. What is safe at any time is done whatever stands behind it.
    let takes_nothing = COMMANDS.iter().any(|known| known.name == word && known.takes.is_empty());
    if takes_nothing && !rest.is_empty() && !matches!(word, "hold" | "rollback") {
        return Parsed::Wrong(format!(":{word} takes nothing behind it"));
    }
    match word {
        "hold" => Parsed::Send(Command::Hold, "hold"),
        "rollback" => Parsed::Rollback,
        "advance" | "resume" => Parsed::Advance((!rest.is_empty()).then(|| rest.to_owned())),
        "take" => Parsed::Take,
        "approve" => Parsed::Send(Command::Approve, "approve"),
        "adopt" => Parsed::Send(Command::Adopt, "adopt"),
        "reassert" => Parsed::Reassert,
        "complete" => Parsed::Confirm(
            Command::Complete,
            "complete",
            "Finishes the move towards stable: everything to stable, and ends this cutover.",
        ),
        "sendagain" => Parsed::Confirm(Command::SendAgain, "send again", SEND_AGAIN),
        "suspend" => suspend(rest),
        "unsuspend" => Parsed::Send(Command::Unsuspend, "automatic rollback on"),
        "note" if rest.is_empty() => Parsed::Note,
        "note" => Parsed::Send(Command::Note { text: Clean::new(rest) }, "note"),
        "run" => Parsed::Hook(Wish::Run, rest.to_owned()),
        "stop" => Parsed::Hook(Wish::Stop, rest.to_owned()),
        "export" => match rest {
            "" | "markdown" => Parsed::Export(Format::Markdown),
            "json" => Parsed::Export(Format::Json),
            _ => Parsed::Wrong(":export writes markdown or json".to_owned()),
        },
        "theme" => THEMES.iter().find(|(name, _)| *name == rest).map_or_else(
            || {
                let names: Vec<&str> = THEMES.iter().map(|(name, _)| *name).collect();
                Parsed::Wrong(format!(":theme takes one of {}", names.join(" ")))
            },
            |(name, _)| Parsed::Theme(name),
        ),
        "readonly" => match rest {
            "on" => Parsed::ReadOnly(true),
            "off" => Parsed::ReadOnly(false),
            _ => Parsed::Wrong(":readonly on gives this console's rights up, :readonly off takes them back".to_owned()),
        },
        "debug" => Parsed::Debug,
        "help" => Parsed::Help,
        "reason" => Parsed::Reason,
        "restart" => Parsed::Restart,
        "end" => Parsed::Confirm(Command::End, "end", "Ends this run and stops its keeper; the split stays as it is."),
        "q" | "quit" => Parsed::Quit,
        "" => Parsed::Wrong("nothing to do".to_owned()),
        other => {
            let words: Vec<&str> = COMMANDS.iter().map(|word| word.name).collect();
            Parsed::Wrong(format!("no command {:?}; there are {}", Clean::new(other).as_str(), words.join(" ")))
        }
    }
}

fn suspend(rest: &str) -> Parsed {
    let (first, others) = rest.split_once(' ').unwrap_or((rest, ""));
    let (lasting, reason) = match parse_duration(first) {
        Some(lasting) => (lasting, others.trim()),
        None => (SUSPEND_DEFAULT, rest),
    };
    Parsed::Send(Command::Suspend { lasting, reason: Clean::new(reason) }, "suspend")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_table_is_understood() {
        for word in COMMANDS {
            for line in [format!("{} on", word.name), format!("{} dark", word.name), word.name.to_owned()] {
                let Parsed::Wrong(why) = parse(&line) else { continue };
                assert!(!why.contains("no command"), "{line}: {why}");
            }
        }
        assert!(matches!(parse("rol"), Parsed::Wrong(_)), "a part of a word is none: what is typed is what is meant");
    }

    #[test]
    fn what_takes_nothing_is_not_done_with_something_behind_it() {
        for line in ["approve no", "adopt not yet", "complete x", "sendagain 1", "unsuspend 10m", "end never", "q !"] {
            assert!(matches!(parse(line), Parsed::Wrong(why) if why.contains("takes nothing")), "{line}");
        }
        assert_eq!(parse("hold please"), Parsed::Send(Command::Hold, "hold"));
        assert_eq!(parse("rollback now"), Parsed::Rollback);
        assert_eq!(parse("end "), parse("end"));
    }

    #[test]
    fn words_take_what_their_row_says() {
        assert_eq!(parse(" export "), Parsed::Export(Format::Markdown));
        assert_eq!(parse("export json"), Parsed::Export(Format::Json));
        assert!(matches!(parse("export pdf"), Parsed::Wrong(_)));
        assert_eq!(parse("theme mono"), Parsed::Theme("mono"));
        assert!(matches!(parse("theme pink"), Parsed::Wrong(why) if why.contains("dark light cvd mono auto")));
        assert_eq!(parse("readonly on"), Parsed::ReadOnly(true));
        assert!(matches!(parse("readonly"), Parsed::Wrong(_)), "nothing that toggles: one must know what comes of it");
        assert_eq!(parse("advance 50 %"), Parsed::Advance(Some("50 %".to_owned())));
        let Parsed::Send(Command::Suspend { lasting, reason }, _) = parse("suspend 5m db work") else { panic!() };
        assert_eq!((lasting.as_secs(), reason.as_str()), (300, "db work"));
    }
}
