//! `:run` and `:stop`: found by name, foreseen, sent, asked for first where the plan says so.

use crate::scene::{Scene, alice, bob, demo_text, plan_of};
use crate::sitting::Sitting;
use crossterm::event::KeyCode;
use std::time::Duration;
use warroom::console::desk::dialog::Kind;
use warroom::console::desk::{Act, Completion, Foreseen};
use warroom::domain::Rights;
use warroom::engine::{Command, HookEnd, Mode};

const HOOKS: &str = r#"
[[hooks]]
name = "smoke"
says = "smoke tests"
run = ["./smoke.sh", "{candidate_url}"]
[[hooks]]
name = "scale-up"
says = "twice as many"
run = ["./scale.sh"]
timeout = "5m"
asks = true
[[hooks]]
name = "decommission"
says = "stops stable"
run = ["./stop.sh"]
only_after_complete = "0s"
"#;

fn scene() -> Scene {
    let text = demo_text();
    let (before, _) = text.split_once("# A program of one's own").expect("the demo's own hook");
    let (_, after) = text.split_once("[rollback]\n").expect("a section");
    let mut scene = Scene::of(plan_of(&format!("{before}{HOOKS}[rollback]\n{after}")), Mode::Drive);
    scene.run(15.0);
    scene
}

/// `alice`, who drives, at a desk.
fn at(scene: &Scene) -> Sitting {
    let mut sitting = Sitting::at(&scene.status());
    sitting.desk.me = Some(alice());
    sitting
}

fn foreseen(sitting: &Sitting) -> Foreseen {
    sitting.desk.foresee(sitting.status.as_ref(), sitting.rights, sitting.now).expect("a line is open")
}

fn sent(sitting: &Sitting) -> Vec<Command> {
    let command = |act: &Act| if let Act::Send(_, command) = act { Some(command.clone()) } else { None };
    sitting.acts.iter().filter_map(command).collect()
}

#[track_caller]
fn would(sitting: &mut Sitting, line: &str, expected: Result<&str, &str>) {
    sitting.type_text(line);
    let (said, words) = match (foreseen(sitting), expected) {
        (Foreseen::Does(said), Ok(words)) | (Foreseen::Refused(said), Err(words)) => (said, words),
        (other, _) => panic!("{line}: {other:?}"),
    };
    assert!(said.contains(words), "{line}: {said}");
    sitting.code(KeyCode::Esc);
}

#[test]
fn what_it_would_do_is_said_before_enter() {
    let mut scene = scene();
    let mut sitting = at(&scene);
    would(&mut sitting, ":run smoke", Ok("runs smoke.sh {candidate_url}, at most 2 min: smoke tests"));
    would(&mut sitting, ":run scale-up", Ok("asks first. It runs scale.sh, at most 5 min: twice as many"));
    would(&mut sitting, ":run decommission", Err("runs only once the cutover is complete; it is READY at 0%"));
    would(&mut sitting, ":run smok", Err("no hook \"smok\"; there are smoke scale-up decommission"));
    would(&mut sitting, ":run", Err("the name of a hook is missing: smoke scale-up decommission"));
    would(&mut sitting, ":stop smoke", Err("smoke is not running"));
    sitting.desk.me = Some(bob());
    would(&mut sitting, ":run smoke", Err("alice drives: only the driver may run a hook; T takes control"));
    scene.run_hook("smoke", &["1 of 3"]);
    let mut sitting = at(&scene);
    would(&mut sitting, ":run smoke", Err("smoke is running"));
    would(&mut sitting, ":stop smoke", Ok("ends it with everything that it started"));
    sitting.rights = Rights::ReadOnly;
    would(&mut sitting, ":stop smoke", Err("read-only console: ask alice"));
}

#[test]
fn it_is_sent_once_and_only_where_there_is_somebody_to_take_it() {
    let scene = scene();
    let mut sitting = at(&scene);
    sitting.type_text(":run smoke\n");
    assert_eq!(sent(&sitting), [Command::RunHook { hook: "smoke".into() }]);
    let mut sitting = at(&scene);
    sitting.type_text(":run nothing\n:run decommission x\n");
    assert!(sent(&sitting).is_empty());
    let mut sitting = at(&scene);
    sitting.input(warroom::console::desk::Input::Linked(false));
    sitting.type_text(":run smoke\n:run scale-up\n");
    assert!(sent(&sitting).is_empty(), "nothing is queued: {:?}", sitting.desk.flash);
}

#[test]
fn what_changes_something_is_confirmed_by_y_and_by_nothing_else() {
    let scene = scene();
    for (keys, expected) in [("y", 1), ("n", 0), ("\n", 0), ("Y", 0)] {
        let mut sitting = at(&scene);
        sitting.type_text(":run scale-up\n");
        assert!(matches!(&sitting.desk.dialog.as_ref().expect("it asks").kind, Kind::Confirm { words, .. }
            if words.contains("scale-up: runs scale.sh, at most 5 min")));
        sitting.now = sitting.now + Duration::from_millis(500);
        sitting.type_text(keys);
        assert_eq!(sent(&sitting).len(), expected, "{keys:?}");
    }
}

#[test]
fn tab_offers_what_can_be_meant() {
    let mut scene = scene();
    let words = |scene: &Scene, text: &str| {
        let of = Completion::of(text, Some(&scene.status()));
        of.candidates.into_iter().map(|candidate| candidate.word).collect::<Vec<_>>()
    };
    assert_eq!(words(&scene, "run "), ["smoke", "scale-up", "decommission"]);
    assert_eq!(words(&scene, "run s"), ["smoke", "scale-up"]);
    assert_eq!(words(&scene, "stop "), Vec::<String>::new());
    scene.run_hook("smoke", &[]);
    assert_eq!(words(&scene, "run "), ["scale-up", "decommission"]);
    assert_eq!(words(&scene, "stop "), ["smoke"]);
    scene.end_hook(HookEnd::Exited(2));
    let of = Completion::of("run sm", Some(&scene.status()));
    assert!(of.candidates[0].help.starts_with("smoke tests; failed (exit 2)"), "{:?}", of.candidates);
}
