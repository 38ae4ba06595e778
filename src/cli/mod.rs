//! Commands and flags. Each command is the twin of a key: the same rules and the same words.

#![expect(clippy::disallowed_methods, reason = "commands wait for processes and people; none of it reaches the engine")]

mod act;
mod anew;
mod check;
mod config;
mod demo;
mod farewell;
mod hook;
mod info;
mod known;
mod launch;
mod out;
mod papers;
mod places;
mod plain;
mod plan_command;
mod report;
mod roll_back;
mod roll_backs;
mod show;
mod supervise;
mod world_command;

pub use act::typed;
pub use config::{Config, load_config};
pub use farewell::{exit_of, farewell};

use crate::domain::Clean;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// How a command ended, as its exit code says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Refused, or NO-GO.
    Refused = 1,
    /// Wrong usage or a wrong plan.
    Usage = 2,
    /// Nobody answers, or the disk takes nothing.
    Unreachable = 3,
    /// The run ended rolled back, or a rollback came before what was asked for.
    RolledBack = 4,
    /// Sent, and not confirmed.
    Unconfirmed = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A command that cannot go on: what it says and how it exits.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    words: String,
}

impl Failure {
    fn new(exit: Exit, words: impl std::fmt::Display) -> Self {
        Self { exit, words: words.to_string() }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.words)
    }
}

/// What every command comes to.
type CommandResult = Result<Exit, Failure>;

#[derive(Debug, Parser)]
#[command(name = "warroom", version, about = "Watch and drive a live blue/green cutover from the terminal.", after_help = after_help())]
struct Cli {
    /// Show as NAME; marked as unverified beside your login.
    #[arg(long = "as", value_name = "NAME", global = true)]
    name: Option<String>,
    #[command(subcommand)]
    command: Command,
}

/// What each exit code says.
const EXITS: &[(Exit, &str)] = &[
    (Exit::Done, "done"),
    (Exit::Refused, "refused, or NO-GO"),
    (Exit::Usage, "usage, plan or configuration"),
    (Exit::Unreachable, "unreachable, or a disk that takes nothing"),
    (Exit::RolledBack, "the run ended rolled back, or a rollback came before what was asked for"),
    (Exit::Unconfirmed, "sent, but not confirmed"),
];

fn after_help() -> String {
    let exits: Vec<String> = EXITS.iter().map(|(exit, words)| format!("{} {words}", *exit as u8)).collect();
    format!("Exit codes: {}.\n{ABOUT_RUN}", exits.join("; "))
}

const ABOUT_RUN: &str = "RUN is a run's id or the beginning of one, or a plan file; without it, the one running keeper is meant, and by log the \
     newest run with a history. note, suspend and hook take it as --run RUN.";

const ABOUT_ROLLBACKS: &str = "Of several runs each is rolled back for itself: what is not found, refused or hangs holds up no other. They are \
     asked for once, every line begins with its run, and the outcomes stand at the end. The exit code is the worst: \
     5 sent but not confirmed, else 3 unreachable, else 1 refused, else 2 not found or a wrong plan; 0 only when all \
     are confirmed or had nothing to roll back.";

#[derive(Debug, Subcommand)]
enum Command {
    /// A whole cutover on the embedded world: no server, account or network.
    Demo(WorldArgs),
    /// Start a cutover, or go on with it, and open its console.
    Run {
        /// The plan file.
        plan: PathBuf,
        /// Begin a new run, held, from what the balancer holds: when the last run's journal cannot be read.
        #[arg(long)]
        from_balancer: bool,
        #[command(flatten)]
        view: ViewArgs,
    },
    /// The whole console without any write path.
    Watch {
        /// The plan file.
        plan: PathBuf,
        #[command(flatten)]
        view: ViewArgs,
    },
    /// Open another console on a running cutover.
    Attach {
        /// Which run.
        run: Option<String>,
        #[command(flatten)]
        view: ViewArgs,
    },
    /// Where a run stands.
    Status {
        /// Which run.
        run: Option<String>,
        /// As versioned JSON.
        #[arg(long, conflicts_with = "oneline")]
        json: bool,
        /// In one line, for a prompt or a tmux status bar.
        #[arg(long)]
        oneline: bool,
    },
    /// Move to the next step.
    Advance {
        /// Which run.
        run: Option<String>,
        /// Go over closed gates: the reason. Needs --confirm.
        #[arg(long = "override", value_name = "REASON", requires = "confirm")]
        over: Option<String>,
        /// The service's name, typed out.
        #[arg(long, value_name = "NAME")]
        confirm: Option<String>,
    },
    /// Leave a hold, at the same split.
    Resume {
        /// Which run.
        run: Option<String>,
    },
    /// Stop forward movement. Writes nothing to the balancer.
    Hold {
        /// Which run.
        run: Option<String>,
    },
    /// All traffic back to stable; of several runs side by side, each for itself.
    #[command(after_help = ABOUT_ROLLBACKS)]
    Rollback(RollbackArgs),
    /// Take control.
    Take {
        /// Which run.
        run: Option<String>,
    },
    /// Approve the next step.
    Approve {
        /// Which run.
        run: Option<String>,
    },
    /// Take the balancer's present setting as the run's own.
    Adopt {
        /// Which run.
        run: Option<String>,
    },
    /// Set again what the run last set, over what somebody else set since.
    #[command(alias = "re-assert")]
    Reassert {
        /// Which run.
        run: Option<String>,
    },
    /// Finish a foreign move towards stable.
    Complete {
        /// Which run.
        run: Option<String>,
    },
    /// Send the rollback over what somebody else set.
    #[command(name = "sendagain", alias = "send-again")]
    SendAgain {
        /// Which run.
        run: Option<String>,
    },
    /// Run one of the plan's own programs and wait for its end; without a name: what there is.
    Hook {
        /// Its name in the plan.
        hook: Option<String>,
        /// End its run, with everything that it started.
        #[arg(long, requires = "hook")]
        stop: bool,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
        /// Which run.
        #[arg(long)]
        run: Option<String>,
    },
    /// Write something down in the run's history.
    Note {
        /// What.
        text: String,
        /// Which run.
        #[arg(long)]
        run: Option<String>,
    },
    /// Switch automatic rollback on again.
    Unsuspend {
        /// Which run.
        run: Option<String>,
    },
    /// Suspend automatic rollback for a while.
    Suspend {
        /// Why.
        reason: String,
        /// Which run.
        #[arg(long)]
        run: Option<String>,
        /// How long, at most 1h.
        #[arg(long = "for", value_name = "DURATION", default_value = "10m")]
        lasting: String,
    },
    /// The history of a run.
    Log {
        /// Which run; without it the newest.
        run: Option<String>,
        /// One JSON object a line.
        #[arg(long, conflicts_with = "markdown")]
        json: bool,
        /// As a report.
        #[arg(long)]
        markdown: bool,
    },
    /// End a run and leave the split as it is.
    End {
        /// Which run.
        run: Option<String>,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// End a finished run and begin a new one of the same plan file.
    Restart {
        /// Which run.
        run: Option<String>,
        #[command(flatten)]
        view: ViewArgs,
    },
    /// Print what a plan will do. Contacts nothing.
    Plan {
        /// The plan file.
        plan: PathBuf,
        /// Requests a second of the whole service, to see which gates cannot open.
        #[arg(long, value_name = "RPS", allow_negative_numbers = true, value_parser = parse_rate)]
        rate: Option<f64>,
    },
    /// Ask the checks once: GO or NO-GO.
    Check {
        /// The plan file.
        plan: PathBuf,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Write a commented plan to begin with.
    Init {
        /// Where; `-` prints it.
        #[arg(default_value = "warroom.toml")]
        file: PathBuf,
    },
    /// Where things are, which versions, and the terminal as it is seen. Contacts nobody.
    Info {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print completions for a shell.
    Completions {
        /// Which shell.
        shell: papers::Shell,
    },
    /// Print the manual, or the page of one command, for man(1): `warroom man | man -l -`.
    Man {
        /// Which command.
        command: Option<String>,
    },
    /// Run the embedded world alone.
    World(WorldCommand),
    /// The keeper's process; started by run, watch and demo.
    #[command(hide = true)]
    Keeper {
        /// The run.
        run: String,
        /// Hold no write path.
        #[arg(long)]
        watch: bool,
        /// End after so many seconds without a console.
        #[arg(long)]
        alone: Option<u64>,
        /// What befell the keeper before.
        #[arg(long)]
        after: Option<String>,
    },
}

impl Command {
    /// How its console is to look, where it opens one.
    fn view(&self) -> Option<&ViewArgs> {
        match self {
            Self::Run { view, .. }
            | Self::Watch { view, .. }
            | Self::Attach { view, .. }
            | Self::Restart { view, .. } => Some(view),
            Self::Demo(args) => Some(&args.view),
            Self::Status { .. }
            | Self::Advance { .. }
            | Self::Resume { .. }
            | Self::Hold { .. }
            | Self::Rollback(_)
            | Self::Take { .. }
            | Self::Approve { .. }
            | Self::Adopt { .. }
            | Self::Reassert { .. }
            | Self::Complete { .. }
            | Self::SendAgain { .. }
            | Self::Hook { .. }
            | Self::Note { .. }
            | Self::Unsuspend { .. }
            | Self::Suspend { .. }
            | Self::Log { .. }
            | Self::End { .. }
            | Self::Plan { .. }
            | Self::Check { .. }
            | Self::Init { .. }
            | Self::Info { .. }
            | Self::Completions { .. }
            | Self::Man { .. }
            | Self::World(_)
            | Self::Keeper { .. } => None,
        }
    }
}

#[derive(Debug, Args, Clone, Default)]
struct ViewArgs {
    /// Look only.
    #[arg(long)]
    readonly: bool,
    /// Print lines instead of drawing.
    #[arg(long)]
    plain: bool,
    /// Draw with ASCII only.
    #[arg(long)]
    ascii: bool,
    /// Wheel and clicks scroll and focus; they never act on traffic.
    #[arg(long)]
    mouse: bool,
    /// Do without config.toml.
    #[arg(long)]
    no_config: bool,
    /// dark, light, cvd (safe for colour-blind eyes) or mono; 16 colours where the terminal has no more.
    #[arg(long, value_name = "THEME", value_parser = ["dark", "light", "cvd", "mono"])]
    theme: Option<String>,
    /// always, never or auto: as `NO_COLOR`, `CLICOLOR_FORCE`, `CLICOLOR` and TERM say, in this order.
    #[arg(long, value_name = "WHEN", value_parser = ["always", "never", "auto"])]
    color: Option<String>,
    /// Hide people, hosts and addresses on the screen; `p` there shows them again.
    #[arg(long)]
    privacy: bool,
}

#[derive(Debug, Args)]
struct WorldArgs {
    /// What goes wrong: story, healthy, errors, slow, leak, flapping, crash, metrics-lost, balancer-down, late-writes, drift, random.
    #[arg(long, default_value = "story", value_parser = scenario_names())]
    scenario: String,
    /// Divides the plan's bakes and `for`, to 2 s at the shortest.
    #[arg(long, default_value_t = 1.0, value_parser = parse_speed)]
    speed: f64,
    /// Chooses for `random` what goes wrong.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    view: ViewArgs,
}

#[derive(Debug, Args)]
struct WorldCommand {
    /// Where the proxy listens.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:18080")]
    listen: String,
    /// What goes wrong.
    #[arg(long, default_value = "healthy", value_parser = scenario_names())]
    scenario: String,
    /// Divides the plan's bakes and `for`, to 2 s at the shortest.
    #[arg(long, default_value_t = 1.0, value_parser = parse_speed)]
    speed: f64,
    /// Chooses for `random` what goes wrong.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write a plan for this world here.
    #[arg(long, value_name = "FILE")]
    write_plan: Option<PathBuf>,
    /// Requests a second of its users.
    #[arg(long, default_value_t = crate::world::LOAD_DEFAULT, value_parser = parse_load)]
    load: f64,
    /// End ten minutes after standard input closed (the demo's world).
    #[arg(long, hide = true)]
    until_eof: bool,
}

#[derive(Debug, Clone, Args)]
struct RollbackArgs {
    /// Which runs, or plan files where there are none.
    #[arg(value_name = "RUN")]
    runs: Vec<String>,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    /// Write to the balancer from here, without the keeper.
    #[arg(long)]
    direct: bool,
    /// The service's name, where it must be typed; of several services once for each.
    #[arg(long, value_name = "NAME")]
    confirm: Vec<String>,
    /// The label of the environment to go to, when there is no run or it has ended; of several once for each label.
    #[arg(long, value_name = "LABEL")]
    to: Vec<String>,
    /// Send it once over what somebody else set during a rollback that was begun before.
    #[arg(long, requires = "direct")]
    send_over: bool,
    /// The run that what is named must lead to; said by a console.
    #[arg(long, value_name = "RUN", hide = true)]
    only_run: Option<String>,
    /// Where a plan file must bring all traffic, as `destination` has it; said by a console.
    #[arg(long, value_name = "WORDS", hide = true)]
    only_to: Option<String>,
}

fn scenario_names() -> clap::builder::PossibleValuesParser {
    clap::builder::PossibleValuesParser::new(crate::world::SCENARIOS.iter().map(|(name, _, _)| *name))
}

fn parse_speed(text: &str) -> Result<f64, String> {
    in_range(text, 0.1..=100.0)
}

fn parse_rate(text: &str) -> Result<f64, String> {
    in_range(text, 0.0..=1e9)
}

fn parse_load(text: &str) -> Result<f64, String> {
    in_range(text, 0.0..=2000.0)
}

fn in_range(text: &str, range: std::ops::RangeInclusive<f64>) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if range.contains(&number) { Ok(number) } else { Err(format!("must be from {} to {}", range.start(), range.end())) }
}

/// Runs what the arguments ask for and gives the process' exit code.
pub fn main() -> ExitCode {
    let cli = parse();
    // State, and what a script writes, are their owner's alone. A plan that is written for somebody is as their shell
    // has its files.
    if !matches!(cli.command, Command::Init { .. } | Command::World(_)) {
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    }
    let exit = dispatch(cli).unwrap_or_else(|failure| {
        // Where the terminal is gone nobody reads this, and the exit code still says it.
        let words = Clean::new(&failure.words);
        out::complain(format!("warroom: {}", words.as_str().replace("  ", "\n  ")));
        failure.exit
    });
    out::settle();
    exit.into()
}

/// Reads the arguments. What is wrong with them is said with them, so then they are cleaned first: they may have been
/// pasted from anywhere.
fn parse() -> Cli {
    Cli::try_parse().unwrap_or_else(|error| {
        let cleaned = std::env::args_os().map(|arg| String::from(Clean::new(arg.to_string_lossy())));
        Cli::try_parse_from(cleaned).err().unwrap_or(error).exit()
    })
}

fn dispatch(cli: Cli) -> CommandResult {
    let name = cli.name.as_deref().map(Clean::new);
    if name.as_ref().is_some_and(|name| name.as_str().trim().is_empty()) {
        return Err(Failure::new(Exit::Usage, "--as needs a name: an empty one is nobody's"));
    }
    // Before anything is started: a console that cannot be opened as it is wanted opens nothing.
    if let Some(view) = cli.command.view().filter(|view| launch::draws(view)) {
        config::for_console(view)?;
    }
    match cli.command {
        Command::Plan { plan, rate } => plan_command::print(&plan, rate),
        Command::Init { file } => plan_command::init(&file),
        Command::Info { json } => info::run(json),
        Command::Completions { shell } => papers::completions(shell),
        Command::Man { command } => papers::man(command.as_deref()),
        Command::Keeper { run, watch, alone, after } => {
            launch::keeper_process(&run, watch, alone.map(Duration::from_secs), after.map(Clean::new))
        }
        Command::World(world) => world_command::run(world),
        Command::Demo(args) => demo::run(&args, name.as_ref()),
        Command::Check { plan, json } => block_on(check::run(&plan, json))?,
        Command::Run { plan, from_balancer, view } => block_on(launch::run(&plan, from_balancer, &view, name))?,
        Command::Watch { plan, view } => block_on(launch::watch(&plan, &view, name))?,
        Command::Attach { run, view } => block_on(launch::attach(run.as_deref(), &view, name))?,
        Command::Restart { run, view } => block_on(launch::restart(run.as_deref(), &view, name))?,
        Command::Status { run, json, oneline } => block_on(show::status(run.as_deref(), json, oneline))?,
        Command::Log { run, json, markdown } => block_on(report::log(run.as_deref(), json, markdown))?,
        Command::Rollback(args) if roll_backs::named(&args).len() > 1 => roll_backs::run(&args, name.as_ref()),
        Command::Rollback(args) => block_on(roll_back::of_one(args, name, &roll_backs::Company::default()))?,
        Command::Advance { run, over, confirm } => block_on(act::advance(run.as_deref(), over, confirm, name))?,
        Command::Resume { run } => block_on(act::resume(run.as_deref(), name))?,
        Command::End { run, yes } => block_on(act::end(run.as_deref(), yes, name))?,
        Command::Hold { run } => block_on(act::simple(run.as_deref(), crate::engine::Command::Hold, name))?,
        Command::Take { run } => block_on(act::simple(run.as_deref(), crate::engine::Command::Take, name))?,
        Command::Approve { run } => block_on(act::simple(run.as_deref(), crate::engine::Command::Approve, name))?,
        Command::Adopt { run } => block_on(act::simple(run.as_deref(), crate::engine::Command::Adopt, name))?,
        Command::Reassert { run } => block_on(act::reassert(run.as_deref(), name))?,
        Command::Complete { run } => block_on(act::back(run.as_deref(), crate::engine::Command::Complete, name))?,
        Command::SendAgain { run } => block_on(act::back(run.as_deref(), crate::engine::Command::SendAgain, name))?,
        Command::Unsuspend { run } => block_on(act::simple(run.as_deref(), crate::engine::Command::Unsuspend, name))?,
        Command::Hook { hook, stop, yes, run } => {
            block_on(hook::hook(run.as_deref(), hook.as_deref(), stop, yes, name))?
        }
        Command::Note { text, run } => block_on(act::note(run.as_deref(), &text, name))?,
        Command::Suspend { reason, run, lasting } => block_on(act::suspend(run.as_deref(), &lasting, &reason, name))?,
    }
}

/// One thread is enough for a console or a command.
fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(Exit::Unreachable, format!("no runtime: {error}")))?;
    let done = runtime.block_on(work);
    // A name that is still being looked up, or a disk that hangs, must not keep a finished command from ending.
    runtime.shutdown_background();
    Ok(done)
}
