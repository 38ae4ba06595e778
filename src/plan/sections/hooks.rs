//! The operator's own programs.

use super::LASTING_MAX;
use super::script::{Limit, Use, script};
use crate::domain::{Clean, Split, duration_words, parse_share};
use crate::plan::section::{Read, Section, Wrong, nearest};
use crate::plan::values::{boolean, duration, scalar, short_text, text};
use crate::plan::{HOOK_PLACES, Hook, likely};
use std::time::Duration;
use toml::de::DeValue;

/// Longest name: what a gate's column holds.
const NAME_CHARS_MAX: usize = 24;
/// How old a pass may be where the plan does not say: the longest bake of the procedures we know.
const FRESH: Duration = Duration::from_secs(1800);
/// A hook's script, where the plan says no more of it. A performance run takes the longest.
const USE: Use = Use {
    placeholders: HOOK_PLACES,
    limit: Limit::Own {
        default: Duration::from_secs(120),
        most: Duration::from_secs(6 * 3600),
        words: "a duration from \"100ms\" to \"6h\"",
    },
};

/// `splits` are the steps', as far as all of them could be read; `watch` is how long a run lasts after its last step, where
/// that could be.
pub(in crate::plan) fn hook(section: Section<'_>, splits: Option<&[Split]>, watch: Option<Duration>) -> Option<Hook> {
    let name = section.required("name", "a word of at most 24 letters, digits, - and _: what :run takes", hook_name);
    let says = section.required("says", "what it is for, in a few words", short_text);
    let script = script(&section, &USE);
    let required_before = required_before(&section, splits);
    let fresh = section.optional(
        "fresh",
        "a duration from \"10s\" to \"24h\": how old a pass may be",
        duration(Duration::from_secs(10)..=Duration::from_secs(86_400)),
    );
    if fresh.is_some() && section.lacks("required_before") {
        let problem = "no step waits for this hook, so none asks how old its pass is";
        section.problem("fresh", problem, "required_before beside it, or no fresh", None);
    }
    let only_after_complete = only_after_complete(&section, watch);
    let asks = section.optional("asks", "true or false: whether it asks once more before it runs", boolean);
    section.finish();
    Some(Hook {
        name: name?,
        says: says?,
        script: script?,
        required_before: required_before.ok()?,
        fresh: fresh.unwrap_or(FRESH),
        only_after_complete,
        asks: asks.unwrap_or(false),
    })
}

fn hook_name(value: &DeValue<'_>) -> Read<Clean> {
    let word = text(value)?;
    let is_word = word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    // One that begins with a dash reads as a flag on the command line.
    if word.is_empty() || !is_word || word.starts_with('-') {
        let meant: String = word.trim().chars().map(|c| if c == ' ' { '-' } else { c }).collect();
        let fits = !meant.is_empty() && meant.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        let meant = (fits && !meant.starts_with('-')).then(|| format!("{meant:?}"));
        return Err(Wrong::from(format!("{word:?} is not such a word")).perhaps(meant));
    }
    if word.chars().count() > NAME_CHARS_MAX { Err("is too long".into()) } else { Ok(Clean::new(word)) }
}

fn only_after_complete(section: &Section<'_>, watch: Option<Duration>) -> Option<Duration> {
    const ALLOWED: &str = "a duration from \"0s\" up to watch: how long the cutover must have been complete";
    let after = section.optional("only_after_complete", ALLOWED, duration(Duration::ZERO..=LASTING_MAX))?;
    if section.has("required_before") {
        let problem = "a step waits for this hook, which may run only after the last step";
        section.problem("only_after_complete", problem, "one of the two", None);
    } else if let Some(watch) = watch.filter(|watch| after > *watch) {
        let problem = format!("the run is watched for {} only, and is over by then", duration_words(watch));
        section.problem("only_after_complete", &problem, ALLOWED, Some("a longer watch".to_owned()));
    }
    Some(after)
}

/// The step that waits for it, if one does; an error was told.
fn required_before(section: &Section<'_>, splits: Option<&[Split]>) -> Result<Option<usize>, ()> {
    if !section.has("required_before") {
        return Ok(None);
    }
    let steps = splits.unwrap_or_default().iter().map(|split| format!("\"{split}\"")).collect::<Vec<_>>().join(", ");
    let allowed = match splits {
        Some([_, ..]) => format!("\"first\", or the split of a step: {steps}"),
        Some([]) | None => "\"first\", or the split of a step".to_owned(),
    };
    let step = section.optional("required_before", &allowed, |value| {
        let word = scalar(value)?;
        if word == "first" {
            return Ok(0);
        }
        let Some(split) = parse_share(&word).and_then(Split::from_fraction) else {
            let first = nearest(&word, std::iter::once("first")).map(|first| format!("{first:?}"));
            let wrong = Wrong::from(format!("{word:?} is neither \"first\" nor a share"));
            return Err(wrong.perhaps(first.or_else(|| likely::share(&word))));
        };
        // Of steps that could not be read nobody knows whether it is one of them.
        let Some(splits) = splits else { return Ok(0) };
        Ok(splits.iter().position(|step| *step == split).ok_or_else(|| format!("no step goes to {split}"))?)
    });
    step.map(Some).ok_or(())
}
