use super::*;
use std::path::PathBuf;

/// Long enough for a busy machine, where it must not matter.
const LONG: Duration = Duration::from_secs(30);

fn shell(text: &str, timeout: Duration) -> plan::Script {
    let directory = std::env::temp_dir();
    plan::Script { run: Run::Shell(text.to_owned()), env: Vec::new(), timeout, directory }
}

async fn run(text: &str) -> Done {
    run_for(text, LONG).await
}

async fn run_for(text: &str, timeout: Duration) -> Done {
    let script = Script::new(&shell(text, timeout), &format!("test {text}")).expect("nothing to read");
    script.run(&Values(vec![("candidate", "12.5".to_owned())])).await
}

/// Waits until a file has a process id in it.
async fn process_in(file: &Path) -> i32 {
    loop {
        if let Ok(Ok(id)) = std::fs::read_to_string(file).map(|text| text.trim().parse()) {
            return id;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until a process is no more, or is a corpse that nobody has looked at.
async fn until_dead(id: i32) {
    loop {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        if stat.is_empty() || stat.contains(") Z ") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

#[tokio::test]
async fn output_ending_and_values() {
    let done = run("echo to $WARROOM_CANDIDATE; echo no >&2; exit 3").await;
    assert_eq!(done.ending, Ending::Exited(3));
    assert_eq!(&done.stdout.raw[..], b"to 12.5\n");
    assert_eq!(done.words().as_str(), "exit code 3: no");
    assert_eq!(run("kill -KILL $$").await.ending, Ending::Killed(9));
    assert_eq!(run("read x || echo nothing to read").await.words().as_str(), "exit code 0: nothing to read");
}

#[tokio::test]
async fn the_environment_is_nobodys() {
    let mut plan = shell("env | cut -d= -f1 | sort | tr '\\n' ' '", LONG);
    plan.env = vec![("OWN".to_owned(), Secret::Plain("x".to_owned()))];
    let script = Script::new(&plan, "test environment").expect("nothing to read");
    let done = script.run(&Values(vec![("stable", "1".to_owned())])).await;
    let names = String::from_utf8_lossy(&done.stdout.raw).into_owned();
    let known =
        |name: &str| VARIABLES.contains(&name) || ["OWN", "WARROOM_STABLE", "PWD", "_", "SHLVL"].contains(&name);
    assert!(names.contains("OWN") && names.contains("WARROOM_STABLE"), "{names}");
    assert!(names.split_whitespace().all(known), "{names}");
    assert!(std::env::vars().any(|(name, _)| !known(&name)), "this test has nothing that could leak");
}

#[tokio::test]
async fn what_is_not_started_says_why() {
    for (program, directory, why) in [
        ("/nowhere/at/all", "/", "not started: all: No such file"),
        ("sh", "/nowhere/at/all", "not started: there is no folder /nowhere/at/all"),
        ("/etc/passwd", "/", "not started: passwd: Permission denied"),
    ] {
        let run = Run::Program { program: PathBuf::from(program), arguments: Vec::new() };
        let plan = plan::Script { run, env: Vec::new(), timeout: LONG, directory: directory.into() };
        let done = Script::new(&plan, program).expect("nothing to read").run(&Values::default()).await;
        assert!(done.words().as_str().starts_with(why), "{}", done.words());
    }
}

#[tokio::test]
async fn secrets_are_in_no_line_and_files_are_read_again() {
    let folder = folder();
    let file = folder.path().join("token");
    std::fs::write(&file, "first-s3cr3t\n").expect("written");
    let mut plan = shell("echo out $TOKEN; echo err $TOKEN >&2; printf %s $TOKEN | cut -c1-5", LONG);
    plan.env = vec![("TOKEN".to_owned(), Secret::File(file.clone()))];
    let script = Script::new(&plan, "test secrets").expect("readable");
    for token in ["first-s3cr3t", "second-s3cr3t"] {
        std::fs::write(&file, token).expect("written");
        let mut lines = Vec::new();
        let mut heard = |recent: Recent| lines = recent.lines.iter().map(Clean::to_string).collect::<Vec<_>>();
        let done = script.run_until(&Values::default(), std::future::pending(), &mut heard).await;
        lines.sort();
        let mut expected = ["err ***", &token[..5], "out ***"];
        expected.sort_unstable();
        assert_eq!(lines, expected);
        assert_eq!(done.stdout.shown, format!("out ***\n{}\n", &token[..5]));
    }
    std::fs::remove_file(&file).expect("removed");
    let done = script.run(&Values::default()).await;
    assert!(done.stdout.shown.starts_with(b"out ***"), "the last good one is used: {done:?}");
    let error = Script::new(&plan, "test secrets").expect_err("no file");
    assert!(error.to_string().contains("env.TOKEN: the file"), "{error}");
}

/// Everything that is told of a run.
async fn told(text: &str) -> (Done, Vec<Recent>) {
    let script = Script::new(&shell(text, LONG), &format!("test {text}")).expect("nothing to read");
    let mut told = Vec::new();
    let done = script.run_until(&Values::default(), std::future::pending(), &mut |recent| told.push(recent)).await;
    (done, told)
}

#[tokio::test]
async fn a_secret_on_a_disk_that_hangs_holds_nobody_up() {
    use rustix::fs::{CWD, FileType, Mode};
    let folder = folder();
    let file = folder.path().join("token");
    std::fs::write(&file, "s3cr3t").expect("written");
    let mut plan = shell("test $TOKEN = s3cr3t && echo as before", LONG);
    plan.env = vec![("TOKEN".to_owned(), Secret::File(file.clone()))];
    let script = Script::new(&plan, "test hanging secret").expect("readable");
    std::fs::remove_file(&file).expect("removed");
    rustix::fs::mknodat(CWD, &file, FileType::Fifo, Mode::from_raw_mode(0o600), 0).expect("a pipe");
    // The second finds the first still reading, and does not wait at all.
    for _ in 0..2 {
        let done = script.run(&Values::default()).await;
        assert_eq!(&done.stdout.raw[..], b"as before\n", "{}", done.words());
    }
    std::fs::write(&file, "").expect("whoever reads it goes on");
}

/// A disk that is slow and does not hang: what is read too late for one run is there for the next, of whichever script
/// has the same variables.
#[tokio::test]
async fn a_secret_that_is_read_late_serves_the_next_run() {
    use rustix::fs::{CWD, FileType, Mode, OFlags};
    use std::os::unix::fs::OpenOptionsExt as _;
    let folder = folder();
    let file = folder.path().join("token");
    std::fs::write(&file, "old-s3cr3t").expect("written");
    let mut plan = shell("printf %s $TOKEN", LONG);
    plan.env = vec![("TOKEN".to_owned(), Secret::File(file.clone()))];
    let script = Script::new(&plan, "test late secret").expect("readable");
    let other = script.beside(&plan, "test late secret of another").expect("the same variables");
    std::fs::remove_file(&file).expect("removed");
    rustix::fs::mknodat(CWD, &file, FileType::Fifo, Mode::from_raw_mode(0o600), 0).expect("a pipe");
    // Its file answers only once the run has gone on without it; a busy machine may need more than one try to answer
    // within the second after which a read is given up.
    for _ in 0..50 {
        let done = script.run(&Values::default()).await;
        if done.stdout.raw == "new-s3cr3t" {
            break;
        }
        assert_eq!(done.stdout.raw, "old-s3cr3t", "{}", done.words());
        let mut pipe = std::fs::OpenOptions::new();
        let flags = i32::try_from(OFlags::NONBLOCK.bits()).expect("a flag");
        if let Ok(mut pipe) = pipe.write(true).custom_flags(flags).open(&file) {
            let _ = io::Write::write_all(&mut pipe, b"new-s3cr3t");
        }
    }
    for script in [script, other] {
        let done = script.run(&Values::default()).await;
        assert_eq!((&done.stdout.raw[..], &done.stdout.shown[..]), (&b"new-s3cr3t"[..], &b"***"[..]));
    }
}

#[tokio::test]
async fn lines_are_told_and_nothing_in_them_is_obeyed() {
    let (_, all) = told(r"printf 'a\033[2Jb\r50%%\rdone'; printf '\n\nx' >&2").await;
    let last = all.last().expect("something is told");
    let mut lines: Vec<&str> = last.lines.iter().map(Clean::as_str).collect();
    lines.sort_unstable();
    assert_eq!((lines, last.written), (vec!["50%", "a^[[2Jb", "done", "x"], 4));
}

#[tokio::test]
async fn of_a_flood_the_newest_lines_are_told_and_all_are_counted() {
    let (done, all) = told("seq 100000; echo the end >&2").await;
    assert_eq!(done.ending, Ending::Exited(0));
    let last = all.last().expect("something is told");
    assert_eq!((last.written, last.lines.len()), (100_001, 40));
    assert!(last.lines.iter().any(|line| line.as_str() == "100000"), "{last:?}");
    assert!(last.lines.iter().any(|line| line.as_str() == "the end"), "{last:?}");
    assert!(told("true").await.1.is_empty(), "nothing is told of nothing");
}

#[tokio::test]
async fn what_is_written_is_told_while_it_runs() {
    let folder = folder();
    let file = folder.path().join("go on");
    let text = format!("echo one; until [ -e '{0}' ]; do sleep 0.01; done; echo two", file.display());
    let script = Script::new(&shell(&text, LONG), "test telling").expect("nothing to read");
    // It ends only because its first line was told.
    let mut lines = Vec::new();
    let mut heard = |recent: Recent| {
        std::fs::write(&file, "").expect("written");
        lines = recent.lines;
    };
    let done = script.run_until(&Values::default(), std::future::pending(), &mut heard).await;
    assert_eq!((done.ending, lines.len()), (Ending::Exited(0), 2));
}

#[tokio::test]
async fn asked_to_stop_the_whole_group_ends() {
    let folder = folder();
    let file = folder.path().join("pid");
    let text = format!("(trap '' TERM; sh -c 'echo $PPID' >{}; sleep 60) & echo begun; wait", file.display());
    let script = Script::new(&shell(&text, LONG), "test stopping").expect("nothing to read");
    let stop = async {
        process_in(&file).await;
    };
    let done = script.run_until(&Values::default(), stop, &mut |_| {}).await;
    assert_eq!((done.ending, done.left), (Ending::Stopped, None));
    until_dead(process_in(&file).await).await;
}

#[tokio::test]
async fn long_output_is_cut_and_endless_output_ended() {
    let done = run("yes | head -c 200000").await;
    assert_eq!((done.ending, done.stdout.raw.len(), done.is_cut), (Ending::Exited(0), 64 * 1024, true));
    let done = run("cat /dev/zero").await;
    assert_eq!((done.ending.clone(), done.is_cut), (Ending::TooMuch, true), "{}", done.words());
    let one_line = run("yes | tr -d '\\n' | head -c 200000 >&2").await;
    assert!(one_line.last.expect("a line").as_str().ends_with("...(cut)"));
}

#[tokio::test]
async fn at_the_timeout_the_whole_group_ends() {
    let folder = folder();
    let (file, late) = (folder.path().join("pid"), folder.path().join("late"));
    // The grandchild ignores what can be ignored, keeps both streams open, and would write later.
    let text = format!(
        "(trap '' TERM HUP INT; sh -c 'echo $PPID' >{}; sleep 3; echo late >{}) & trap '' TERM; wait; sleep 60",
        file.display(),
        late.display()
    );
    let done = run_for(&text, Duration::from_millis(500)).await;
    assert_eq!(done.words().as_str(), "timed out after 500ms, and ended");
    until_dead(process_in(&file).await).await;
    assert!(!late.exists());
}

#[tokio::test]
async fn what_a_script_leaves_running_ends_with_it() {
    let folder = folder();
    let file = folder.path().join("pid");
    let done = run(&format!("sleep 60 & echo $! >{}; echo done", file.display())).await;
    assert_eq!((done.ending, &done.stdout.raw[..]), (Ending::Exited(0), &b"done\n"[..]));
    until_dead(process_in(&file).await).await;
}

#[tokio::test]
async fn who_leaves_the_group_holds_nobody_up() {
    let folder = folder();
    let file = folder.path().join("pid");
    let done = run(&format!("setsid sh -c 'echo $$ >{}; exec sleep 60' & sleep 0.2; echo done", file.display())).await;
    assert_eq!((done.ending, &done.stdout.raw[..]), (Ending::Exited(0), &b"done\n"[..]));
    let id = rustix::process::Pid::from_raw(process_in(&file).await).expect("a process");
    rustix::process::kill_process(id, rustix::process::Signal::KILL).expect("this test's own");
}

#[tokio::test]
async fn a_run_that_nobody_waits_for_any_more_ends() {
    let folder = folder();
    let file = folder.path().join("pid");
    let text = format!("trap '' TERM; echo $$ >{}; sleep 60 & wait; sleep 60", file.display());
    let script = Script::new(&shell(&text, LONG), "test drop").expect("nothing to read");
    let values = Values::default();
    let id = tokio::select! {
        done = script.run(&values) => panic!("it ends by itself: {done:?}"),
        id = process_in(&file) => id,
    };
    until_dead(id).await;
}

#[tokio::test]
async fn older_runs_end_before_a_newer_one_begins() {
    let folder = folder();
    let file = folder.path().join("pid");
    // Whoever it is that began it: here another instance, which holds the future and goes on.
    let text = format!("trap '' TERM; echo $$ >{}; sleep 60; sleep 60", file.display());
    let other = Script::new(&shell(&text, LONG), "test older").expect("nothing to read");
    let newer = Script::new(&shell("true", LONG), "test older").expect("nothing to read");
    let values = Values::default();
    let newer = async {
        let id = process_in(&file).await;
        assert_eq!(newer.end_older().await, Ok(()));
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        assert!(stat.is_empty() || stat.contains(") Z "), "{stat}");
        assert_eq!(newer.end_older().await, Ok(()), "with nobody there it is done at once");
    };
    let (older, ()) = tokio::join!(other.run(&values), newer);
    assert_eq!(older.ending, Ending::Killed(9));
}
