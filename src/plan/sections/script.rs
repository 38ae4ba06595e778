//! A program of the operator's own: `run` or `shell`, `env`, `timeout`, `directory`.

use super::environments::source;
use crate::plan::script::{Part, variable};
use crate::plan::section::{Read, Section, Wrong, nearest, wrong_type};
use crate::plan::values::{duration, label, plain_text, text};
use crate::plan::{Argument, Run, Script, Secret};
use rustix::fs::{Access, access};
use rustix::io::Errno;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::de::DeValue;

/// Most arguments of one program; the longest line we know has a dozen.
const ARGUMENTS_MAX: usize = 100;

/// What a place in the plan says about its script beforehand.
pub(in crate::plan) struct Use {
    /// The placeholders that have a value there.
    pub placeholders: &'static [&'static str],
    /// How long it may take.
    pub limit: Limit,
}

/// How long a script may take.
#[derive(Debug, Clone, Copy)]
pub(in crate::plan) enum Limit {
    /// As long as `traffic.timeout` says; the script has none of its own.
    Traffic(Duration),
    /// As its own `timeout` says.
    Own {
        /// Where it says nothing.
        default: Duration,
        /// The longest.
        most: Duration,
        /// The range in words: `a duration from "100ms" to "6h"`.
        words: &'static str,
    },
}

/// Shortest time that a script may be given: what a shell needs to start on a busy machine, a few times over.
const TIMEOUT_LEAST: Duration = Duration::from_millis(100);

/// Reads the keys of a script. Its section may have further keys; the caller reads those and finishes it.
pub(in crate::plan) fn script(section: &Section<'_>, uses: &Use) -> Option<Script> {
    let directory = directory(section);
    let run = program(section, uses, &directory);
    let shell = section.optional("shell", "text for /bin/sh -c; values are in its environment", |value| {
        shell_text(value, uses).map(Run::Shell)
    });
    let run = match (run, shell) {
        (Some(_), Some(_)) => {
            section.problem("shell", "stands beside run", "run, or shell where a shell is needed", None);
            None
        }
        (run, shell) => run.or(shell),
    };
    if section.lacks("run") && section.lacks("shell") {
        section.missing("run", "a program with its arguments: [\"./script.sh\", \"word\"]; or shell = \"text\"");
    }
    let env = environment(section);
    let timeout = match uses.limit {
        Limit::Traffic(limit) => {
            if section.has("timeout") {
                section.problem(
                    "timeout",
                    "is not a script's own here",
                    "timeout in [traffic], for each attempt",
                    None,
                );
            }
            limit
        }
        Limit::Own { default, most, words } => {
            section.optional("timeout", words, duration(TIMEOUT_LEAST..=most)).unwrap_or(default)
        }
    };
    Some(Script { run: run?, env: env?, timeout, directory })
}

fn directory(section: &Section<'_>) -> PathBuf {
    let folder = &section.report().folder;
    let named = section.optional("directory", "a folder; a relative one begins at the plan's own", plain_text);
    named.map_or_else(|| folder.clone(), |named| folder.join(named))
}

fn program(section: &Section<'_>, uses: &Use, directory: &Path) -> Option<Run> {
    const ALLOWED: &str = "a program with its arguments, each a text of its own: [\"./script.sh\", \"word\"]";
    let words = section.list("run", ALLOWED, |value| argument(value, uses.placeholders))?;
    let Some((first, arguments)) = words.split_first() else {
        section.problem("run", "is empty", ALLOWED, None);
        return None;
    };
    if words.len() > ARGUMENTS_MAX {
        section.problem("run", &format!("has {} words", words.len()), "at most 100", None);
        return None;
    }
    let [Part::Text(name)] = first.0.as_slice() else {
        section.problem("run", "the program itself has no fixed name", "placeholders only in arguments", None);
        return None;
    };
    // A name with a slash is a path, as a shell has it; any other is looked for in PATH.
    let here = name.strip_prefix("./").unwrap_or(name);
    let program = if name.contains('/') { directory.join(here) } else { PathBuf::from(name) };
    if section.report().looks_into_files
        && let Err(problem) = may_run(&program)
    {
        section.problem("run", &problem, "a file that this user may execute", None);
        return None;
    }
    Some(Run::Program { program, arguments: arguments.to_vec() })
}

/// Whether this user can start a file as a program. What is looked for in `PATH` is not looked for here: the keeper's may be another.
fn may_run(program: &Path) -> Result<(), String> {
    if !program.is_absolute() {
        return Ok(());
    }
    let shown = program.display();
    let found = std::fs::metadata(program).map_err(|error| format!("{shown}: {error}"))?;
    if !found.is_file() {
        return Err(format!("{shown} is no file"));
    }
    access(program, Access::EXEC_OK).map_err(|error| {
        let hint = if found.permissions().mode() & 0o111 == 0 { ": chmod +x" } else { " by this user" };
        match error {
            Errno::ACCESS => format!("{shown} is not executable{hint}"),
            error => format!("{shown}: {error}"),
        }
    })
}

/// `--weight={candidate}`; a brace is written twice.
fn argument(value: &DeValue<'_>, placeholders: &'static [&'static str]) -> Read<Argument> {
    const BRACE: &str = "a brace is written twice, {{ or }}";
    let word = text(value)?;
    if !word.is_empty() {
        plain_text(value)?;
    }
    let (mut parts, mut fixed, mut rest) = (Vec::new(), String::new(), word.as_str());
    while let Some(at) = rest.find(['{', '}']) {
        fixed.push_str(&rest[..at]);
        let (brace, after) = rest[at..].split_at(1);
        if let Some(after) = after.strip_prefix(brace) {
            fixed.push_str(brace);
            rest = after;
            continue;
        }
        let Some((name, after)) = after.split_once('}').filter(|_| brace == "{") else {
            return Err(Wrong::from(format!("{word:?} has a single {brace}; {BRACE}")));
        };
        let Some(known) = placeholders.iter().find(|known| **known == name) else {
            return Err(no_placeholder(name, placeholders, BRACE));
        };
        if !fixed.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut fixed)));
        }
        parts.push(Part::Place(known));
        rest = after;
    }
    fixed.push_str(rest);
    if !fixed.is_empty() || parts.is_empty() {
        parts.push(Part::Text(fixed));
    }
    Ok(Argument(parts))
}

fn no_placeholder(name: &str, known: &[&str], brace: &str) -> Wrong {
    let list = known.iter().map(|name| format!("{{{name}}}")).collect::<Vec<_>>().join(", ");
    let has = if list.is_empty() { "there are none here".to_owned() } else { format!("there are {list}") };
    let meant = nearest(name, known.iter().copied()).map(|near| format!("{{{near}}}"));
    Wrong::from(format!("{{{name}}} is no placeholder: {has}; {brace}")).perhaps(meant)
}

/// Text for a shell. A placeholder in it would be taken for a program's: whatever it stands for is in the environment.
fn shell_text(value: &DeValue<'_>, uses: &Use) -> Read<String> {
    let word = text(value)?;
    if word.trim().is_empty() {
        return Err("is empty".into());
    }
    if let Some(bad) = word.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
        return Err(format!("has {bad:?} in it").into());
    }
    let pasted = uses.placeholders.iter().find(|name| word.contains(&format!("{{{name}}}")));
    match pasted {
        Some(name) => {
            let problem = format!("{{{name}}} means nothing to a shell; it has the value in ${}", variable(name));
            Err(Wrong::from(problem).perhaps(Some(format!("\"${}\"", variable(name)))))
        }
        None => Ok(word),
    }
}

/// The variables of `env`; none where there is no such table. `None` when one of them is wrong.
pub(super) fn environment(section: &Section<'_>) -> Option<Vec<(String, Secret)>> {
    const ALLOWED: &str = "{ env = \"NAME\" }, { file = \"/path\" }, or plain text when it is not secret";
    let Some(table) = section.table("env") else { return (!section.has("env")).then(Vec::new) };
    let mut env = Vec::new();
    let entries = table.entries();
    let count = entries.len();
    for (name, value) in entries {
        match entry(&name, value.get_ref(), &section.report().folder) {
            Ok(source) => env.push((name, source)),
            Err(wrong) => table.wrong_entry(&name, value, wrong, ALLOWED),
        }
    }
    (env.len() == count).then_some(env)
}

fn entry(name: &str, value: &DeValue<'_>, folder: &Path) -> Read<Secret> {
    // Such a variable names the place of a secret.
    const PLACES: [&str; 4] = ["_FILE", "_PATH", "_DIR", "_SOCK"];
    label(name).map_err(|_| format!("{name:?} is not a variable's name"))?;
    if name.starts_with("WARROOM_") {
        return Err("variables that begin with WARROOM_ are warroom's own".into());
    }
    if value.is_table() || value.is_str() {
        return source(name, value, PLACES.iter().any(|place| name.ends_with(place)), folder);
    }
    Err(Wrong::from(wrong_type(value)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Values;
    use crate::plan::section::Report;
    use toml::de::DeTable;

    const USE: Use = Use {
        placeholders: &["stable", "candidate"],
        limit: Limit::Own {
            default: Duration::from_secs(10),
            most: Duration::from_secs(60),
            words: "a duration from \"100ms\" to \"60s\"",
        },
    };

    fn read(text: &str) -> Result<Script, String> {
        let mut report = Report::new(Path::new("plan.toml"), text);
        report.folder = "/etc/warroom".into();
        report.looks_into_files = !text.contains("lb.sh") && !text.contains("nobody");
        let document = DeTable::parse(text).expect("TOML");
        let section = Section::new(&report, "hook".to_owned(), 0..0, document.get_ref());
        let read = script(&section, &USE);
        section.finish();
        match read {
            Some(script) if report.is_empty() => Ok(script),
            _ => Err(report.into_errors().to_string()),
        }
    }

    fn arguments(text: &str) -> Vec<String> {
        let values = Values(vec![("stable", "87.5".to_owned()), ("candidate", "12.5".to_owned())]);
        match read(text).expect(text).run {
            Run::Program { arguments, .. } => arguments.iter().map(|a| a.fill(&values).expect("known")).collect(),
            Run::Shell(_) => panic!("no program"),
        }
    }

    #[test]
    fn values_stand_in_arguments_and_braces_are_doubled() {
        assert_eq!(
            arguments(
                r#"run = ["lb", "set", "", "--to={candidate}", "{stable}:{candidate}", '{{"weight":{candidate}}}']"#
            ),
            ["set", "", "--to=12.5", "87.5:12.5", r#"{"weight":12.5}"#]
        );
        let Run::Program { arguments, .. } = read(r#"run = ["lb", "{candidate}"]"#).expect("sound").run else {
            panic!("no program")
        };
        assert_eq!(arguments[0].fill(&Values::default()), Err("candidate"), "what is not known is not empty");
    }

    #[test]
    fn relative_paths_begin_at_the_plan() {
        let program = |text: &str| read(text).expect(text).run;
        let named = |path: &str| Run::Program { program: path.into(), arguments: Vec::new() };
        assert_eq!(program(r#"run = ["./lb.sh"]"#), named("/etc/warroom/lb.sh"));
        assert_eq!(program(r#"run = ["/opt/nobody/lb"]"#), named("/opt/nobody/lb"));
        assert_eq!(program(r#"run = ["lb"]"#), named("lb"), "looked for in PATH");
        let script = read("shell = 'echo'\ndirectory = 'ops'\ntimeout = '5s'\nenv = { A_TOKEN = { file = 'token' } }");
        let script = script.expect("sound");
        assert_eq!((script.directory, script.timeout), ("/etc/warroom/ops".into(), Duration::from_secs(5)));
        assert!(matches!(&script.env[0].1, Secret::File(path) if path == Path::new("/etc/warroom/token")));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, said) in [
            ("", "hook.run: is missing"),
            ("run = []", "hook.run: is empty"),
            ("run = './lb.sh set'", "perhaps: [\"./lb.sh set\"]"),
            ("run = ['lb', 1]", "hook.run: an integer cannot stand here"),
            ("run = ['lb']\nshell = 'x'", "hook.shell: stands beside run"),
            ("run = ['{stable}']", "the program itself has no fixed name"),
            ("run = ['lb', '{candidat}']", "perhaps: {candidate}"),
            (
                "run = ['lb', '{percent}']",
                "{percent} is no placeholder: there are {stable}, {candidate}; a brace is written twice",
            ),
            ("run = ['lb', '{\"a\":1}']", "is no placeholder"),
            ("run = ['lb', 'a}']", "has a single }"),
            ("run = ['lb', 'a{b']", "has a single {"),
            ("run = ['lb', \"a\\u001b[2J\"]", "characters that cannot be shown"),
            ("run = ['/nowhere/lb']", "hook.run: /nowhere/lb: No such file"),
            ("run = ['/etc']", "/etc is no file"),
            ("run = ['/etc/passwd']", "/etc/passwd is not executable: chmod +x"),
            ("shell = ' '", "hook.shell: is empty"),
            ("shell = 'lb {candidate}'", "perhaps: \"$WARROOM_CANDIDATE\""),
            ("shel = 'lb'", "perhaps: \"shell\""),
            ("run = ['lb']\nenv = { LB_TOKEN = 'abc' }", "hook.env.LB_TOKEN: a secret does not belong in a plan"),
            ("run = ['lb']\nenv = { WARROOM_X = 'abc' }", "are warroom's own"),
            ("run = ['lb']\nenv = { 'A B' = 'abc' }", "is not a variable's name"),
            ("run = ['lb']\nenv = { A = 1 }", "hook.env.A: an integer cannot stand here"),
            ("run = ['lb']\ntimeout = '10m'", "out of range"),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(said), "{text}\nsays {error}");
        }
        read("run = ['lb']\nenv = { LB_TOKEN_FILE = '/run/token', LB_TOKEN = { env = 'X' } }")
            .expect("the place of a secret");
    }
}
