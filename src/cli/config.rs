//! `config.toml`: how one person's consoles look and which keys they have. It moves no traffic and is read only where a
//! console is opened, so that nothing in it stands between anybody and `warroom rollback`.
//!
//! What is wrong in it is an error before anything is opened: a key that somebody believes to be bound and that is not
//! would be found out at the worst time.

use super::{Exit, Failure, ViewArgs, out};
use crate::console::desk::keymap::{Action, KEYS, Key, Keymap};
use crate::console::desk::{Reach, THEMES};
use crate::plan::{PlanErrors, Read, Section, Wrong, boolean, nearest, one_of, read_tables, wrong_type};
use std::io::ErrorKind;
use std::path::PathBuf;
use toml::de::DeValue;

/// The theme that is none: what the terminal says.
const AUTO: &str = "auto";
/// Keys of one action: a hand has five fingers.
const KEYS_MAX: usize = 5;

/// What the file says; what it leaves out is as without it.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// One of [`THEMES`]; `None` as the terminal says.
    pub theme: Option<&'static str>,
    /// Whether only ASCII is drawn.
    pub ascii: bool,
    /// Whether the wheel scrolls.
    pub mouse: bool,
    /// Whether consoles are silent.
    pub silent: bool,
    /// How far back the charts go at first.
    pub window: Reach,
    /// What the keys are.
    pub keymap: Keymap,
}

/// Where the file is looked for: `$XDG_CONFIG_HOME/warroom/config.toml`, or below `~/.config`.
pub(super) fn path() -> Option<PathBuf> {
    let var = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    // The specification has relative paths ignored.
    let base = var("XDG_CONFIG_HOME").filter(|path| path.is_absolute());
    let base = base.or_else(|| var("HOME").map(|home| home.join(".config")))?;
    Some(base.join("warroom").join("config.toml"))
}

/// Whether something is there, be it a link that leads nowhere or what nobody here may look at: then keys that somebody
/// believes to be bound are not, which must not go unsaid.
pub(super) fn is_there(path: &std::path::Path) -> bool {
    let looked = std::fs::symlink_metadata(path);
    !looked.is_err_and(|error| matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory))
}

/// What a console is opened with: the file, unless there is none or it is not wanted, and flags over it.
pub(super) fn for_console(view: &ViewArgs) -> Result<Config, Failure> {
    let file = path().filter(|path| !view.no_config && is_there(path));
    let config = match file {
        None => Config::default(),
        Some(path) => load_config(&path).map_err(|errors| {
            out::complain(listed(&errors));
            let words = format!("{} is not sound; nothing was opened (--no-config does without it)", path.display());
            Failure::new(Exit::Usage, words)
        })?,
    };
    Ok(Config { ascii: config.ascii || view.ascii, mouse: config.mouse || view.mouse, ..config })
}

/// Each error with its line, column and what is allowed there.
pub(super) fn listed(errors: &PlanErrors) -> String {
    errors.0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Reads a configuration, or says all that is wrong with it.
///
/// # Errors
///
/// Every unknown key and wrong value, with its place, what is allowed there and what was probably meant.
pub fn load_config(path: &std::path::Path) -> Result<Config, PlanErrors> {
    read_tables(path, |root| {
        let names: Vec<(&str, &'static str)> = THEMES.iter().map(|(name, _)| (*name, *name)).collect();
        let allowed = quoted(THEMES.iter().map(|(name, _)| *name));
        let theme = root.optional("theme", &allowed, |value| one_of(value, &names));
        let truth = |key| root.optional(key, "true or false", boolean);
        let (ascii, mouse, bell) = (truth("ascii"), truth("mouse"), truth("bell"));
        let windows = Reach::ALL.map(|reach| (reach.words(), reach));
        let allowed = quoted(windows.iter().map(|(name, _)| *name));
        let window = root.optional("window", &allowed, |value| one_of(value, &windows));
        let mut keymap = Keymap::default();
        if let Some(keys) = root.table("keys") {
            rebind(&keys, &mut keymap);
            keys.finish();
        }
        root.finish();
        Some(Config {
            // As without it.
            theme: theme.filter(|theme| *theme != AUTO),
            ascii: ascii.unwrap_or(false),
            mouse: mouse.unwrap_or(false),
            silent: !bell.unwrap_or(true),
            window: window.unwrap_or_default(),
            keymap,
        })
    })
}

fn quoted<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", ")
}

fn rebind(section: &Section<'_>, keymap: &mut Keymap) {
    let allowed = Key::allowed();
    let mut changed: Vec<Action> = Vec::new();
    for action in KEYS.iter().map(|binding| binding.action) {
        if !action.is_rebindable() {
            let fixed = "nothing: R, H, A, T, y, n, Space and the digits mean the same on every console";
            section.optional(action.name(), fixed, |_| Err::<(), Wrong>("cannot have other keys".into()));
            continue;
        }
        let bound = section.optional(action.name(), &allowed, |value| {
            let keys = keys_of(value)?;
            keymap.rebind(action, keys).map_err(Wrong::from)
        });
        changed.extend(bound.map(|()| action));
    }
    for (key, first, second) in keymap.conflicts() {
        // Said where it was written: the table alone has no conflict.
        let (here, other) = if changed.contains(&second) { (second, first) } else { (first, second) };
        let problem = format!("{:?} is the key of {} too", key.label(), other.name());
        let allowed = format!("a key of its own; or {} is given another one here", other.name());
        section.problem(here.name(), &problem, &allowed, None);
    }
}

/// One key, or several.
fn keys_of(value: &DeValue<'_>) -> Read<Vec<Key>> {
    let one = |value: &DeValue<'_>| -> Read<Key> {
        let word = value.as_str().ok_or_else(|| Wrong::from(wrong_type(value)))?;
        Key::parse(word).map_err(|why| {
            let known = Key::names().find(|name| Some(*name) == nearest(word, Key::names()));
            Wrong::from(why).perhaps(known.map(|name| format!("{name:?}")))
        })
    };
    let Some(list) = value.as_array() else { return Ok(vec![one(value)?]) };
    if list.is_empty() || list.len() > KEYS_MAX {
        return Err(format!("{} keys: from one to {KEYS_MAX}", list.len()).into());
    }
    list.iter().map(|item| one(item.get_ref())).collect()
}

#[cfg(test)]
mod tests {
    use super::is_there;

    /// Nothing there is no configuration; a link that leads nowhere is one that somebody believes in.
    #[test]
    fn a_configuration_that_cannot_be_read_is_there_all_the_same() {
        let home = tempfile::tempdir().expect("a folder");
        let link = home.path().join("config.toml");
        assert!(!is_there(&link));
        assert!(!is_there(&link.join("below")));
        std::os::unix::fs::symlink(home.path().join("nowhere"), &link).expect("a link");
        assert!(is_there(&link));
        std::fs::remove_file(&link).expect("gone");
        std::fs::write(&link, "").expect("written");
        assert!(is_there(&link) && !is_there(&link.join("below")));
    }
}
