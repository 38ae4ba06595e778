//! Hazard 1: text that was meant for something else, at four speeds.

use crate::sitting::{Sitting, baking};
use std::path::Path;
use warroom::console::desk::Act;
use warroom::engine::Command;

/// Characters of text fed at each speed.
const CHARS: usize = 200_000;

const ENGLISH: &str = "Roger that, you can roll back now. Ryan is away; Ray yelled \"Retry?\" Yes. \
Please Hold the line. Are you ready? Rarely. A deploy is running, your Ruby yard is ready. \
How are you? READY. RY. Really yours, Hannah. Re: your yearly Review. Try again: yes.\n";
const SHELL: &str = "export RY=1; echo \"$RY\" | grep -R yaml . && sudo systemctl restart haproxy\n\
kubectl get pods -A -o yaml | yq '.items[] | .status' ; ls -R y ; git log --author=Ryan\n\
read -r y; if [ \"$y\" = y ]; then rsync -aHAXy --delete R y; fi\n";

fn sources(folder: &Path, out: &mut Vec<String>) {
    let mut entries: Vec<_> =
        std::fs::read_dir(folder).expect("a folder").map(|e| e.expect("an entry").path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|end| end == "rs" || end == "toml") {
            out.push(std::fs::read_to_string(&path).expect("text"));
        }
    }
}

/// English, shell and Rust, mixed in a fixed order.
fn corpus() -> String {
    let mut files = Vec::new();
    for folder in ["src", "config"] {
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut files);
    }
    let mut text = String::new();
    for file in &files {
        text.push_str(ENGLISH);
        text.push_str(&file.chars().take(2500).collect::<String>());
        text.push_str(SHELL);
    }
    let whole = text.clone();
    while text.chars().count() < CHARS {
        text.push_str(&whole);
    }
    text.chars().take(CHARS).collect()
}

#[derive(Debug, Default, PartialEq)]
struct Caused {
    rollbacks: usize,
    advances: usize,
    holds: usize,
    /// What ends the run or moves traffic by the command line.
    lines: usize,
    quits: usize,
}

fn type_all(text: &str, gap: u64) -> Caused {
    let mut sitting = Sitting::at(baking());
    for c in text.chars() {
        sitting.press(c);
        if gap > 0 {
            sitting.after(gap);
        }
        // Who asked for a rollback is looked at; the rest of the text meets a fresh panel.
        if sitting
            .desk
            .dialog
            .as_ref()
            .is_some_and(|dialog| matches!(dialog.kind, warroom::console::desk::dialog::Kind::Progress))
        {
            sitting.desk.dialog = None;
        }
    }
    sitting.after(2000);
    let of = |which: fn(&Command) -> bool| {
        sitting.acts.iter().filter(|act| matches!(act, Act::Send(_, command) if which(command))).count()
    };
    Caused {
        rollbacks: of(|c| matches!(c, Command::Rollback { .. })),
        advances: sitting.advances(),
        holds: sitting.holds(),
        lines: of(|c| {
            matches!(c, Command::End | Command::Complete | Command::SendAgain | Command::Adopt | Command::Approve)
        }),
        quits: sitting.quits(),
    }
}

#[test]
fn hazard_01_stray_text_rolls_nothing_back() {
    let text = corpus();
    for (name, gap) in [("paste", 0), ("fast", 15), ("average", 120)] {
        let caused = type_all(&text, gap);
        println!("{name} ({gap} ms a character), {CHARS} characters: {caused:?}");
        assert_eq!((caused.rollbacks, caused.advances), (0, 0), "{name}: {caused:?}");
    }
    let slow = type_all(&text, 600);
    println!("slow (600 ms a character), {CHARS} characters: {slow:?}");
}

#[test]
fn hazard_01_stray_text_neither_ends_nor_completes_nor_adopts() {
    let yaml = "status: complete\nphase: end\nparents: adopt\naction: hold\nkind: sendagain\nstate: approve\n";
    for gap in [0, 15, 120, 600] {
        let caused = type_all(yaml, gap);
        assert_eq!((caused.lines, caused.holds), (0, 0), "{gap} ms: {caused:?}");
    }
}

/// `q` closes the console without a question: while text is arriving it must not.
#[test]
fn hazard_01_stray_text_does_not_close_the_console() {
    let caused = type_all("required: the query was quite quick\n", 15);
    assert_eq!(caused.quits, 0, "{caused:?}");
}
