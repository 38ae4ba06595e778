//! `warroom completions` and `warroom man`: from the same tables as everything else, so that they cannot lag behind.

use super::{Cli, CommandResult, EXITS, Exit, Failure, out};
use crate::console::desk::keymap::Keymap;
use crate::console::desk::manual::{self, Row};
use clap::CommandFactory;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

/// The shells that completions are for.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(super) enum Shell {
    /// Put it into `~/.local/share/bash-completion/completions/warroom`.
    Bash,
    /// Put it into a folder of `$fpath`, as `_warroom`.
    Zsh,
    /// Put it into `~/.config/fish/completions/warroom.fish`.
    Fish,
}

pub(super) fn completions(shell: Shell) -> CommandResult {
    let shell = match shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "warroom", &mut text);
    out::print(&String::from_utf8_lossy(&text))?;
    Ok(Exit::Done)
}

/// The whole manual, or the page of one command.
pub(super) fn man(command: Option<&str>) -> CommandResult {
    let whole = Cli::command();
    let page = match command {
        None => whole_page(whole),
        Some(name) => {
            let known = whole.get_subcommands().find(|known| known.get_name() == name && !known.is_hide_set());
            let known =
                known.ok_or_else(|| Failure::new(Exit::Usage, format!("no command {name:?}; see warroom --help")))?;
            // As it is typed; `display_name` is only for its title.
            let named = known.clone().bin_name(format!("warroom {name}")).display_name(format!("warroom-{name}"));
            let mut page = Vec::new();
            Man::new(named).render(&mut page).map(|()| page)
        }
    };
    let page = page.map_err(|error| Failure::new(Exit::Refused, error))?;
    out::print(&String::from_utf8_lossy(&page))?;
    Ok(Exit::Done)
}

fn whole_page(command: clap::Command) -> std::io::Result<Vec<u8>> {
    let man = Man::new(command.after_help("").version(env!("CARGO_PKG_VERSION")));
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    man.render_subcommands_section(&mut page)?;
    let rows = |rows: Vec<Row>| rows.into_iter().map(|row| (row.sign, row.words)).collect::<Vec<_>>();
    let mut roff = Roff::new();
    let keys = "UPPER case is traffic, lower case is view. y confirms in a panel and means nothing else anywhere.";
    section(&mut roff, "KEYS", keys, &rows(manual::keys(&Keymap::default(), true)));
    section(
        &mut roff,
        "COMMAND LINE",
        "After a colon; each says before Enter what it would do.",
        &rows(manual::commands()),
    );
    let exits: Vec<(String, String)> =
        EXITS.iter().map(|(exit, words)| ((*exit as u8).to_string(), (*words).to_owned())).collect();
    section(&mut roff, "EXIT STATUS", "", &exits);
    section(&mut roff, "FILES", "", &owned(FILES));
    section(&mut roff, "ENVIRONMENT", "", &owned(ENVIRONMENT));
    roff.to_writer(&mut page)?;
    Ok(page)
}

fn owned(rows: &[(&str, &str)]) -> Vec<(String, String)> {
    rows.iter().map(|(sign, words)| ((*sign).to_owned(), (*words).to_owned())).collect()
}

fn section(roff: &mut Roff, title: &str, words: &str, rows: &[(String, String)]) {
    roff.control("SH", [title]);
    if !words.is_empty() {
        roff.text([roman(words)]);
    }
    for (sign, words) in rows {
        roff.control("TP", []);
        roff.text([bold(sign.as_str())]);
        roff.text([roman(words.as_str())]);
    }
}

/// What is on disk.
const FILES: &[(&str, &str)] = &[
    ("$XDG_CONFIG_HOME/warroom/config.toml", "how your consoles look and which keys they have; else below ~/.config"),
    (
        "$XDG_STATE_HOME/warroom/runs/RUN/",
        "frozen plan, journal, keeper's log and reports of a run; else below ~/.local/state",
    ),
    (
        "$XDG_RUNTIME_DIR/warroom/",
        "the keepers' sockets; in the state folder where that is not set, or a group is let in",
    ),
];

/// What the environment says. `tests/commands.rs` has each of them in the program's text.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("WARROOM_STATE_DIR", "state and sockets in one folder; whoever is to find the run sets the same"),
    ("WARROOM_LOG", "the keeper's log level, such as debug; info without it"),
    ("NO_COLOR, CLICOLOR_FORCE, CLICOLOR, TERM, COLORTERM", "whether there are colours, and how many; in this order"),
    ("LC_ALL, LC_CTYPE, LANG", "UTF-8 in the first that is set: Unicode marks are drawn"),
    ("XDG_CONFIG_HOME, XDG_STATE_HOME, XDG_RUNTIME_DIR, HOME", "where the files are"),
];
