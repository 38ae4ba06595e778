//! A keeper that is killed at each place of the other drivers, on its way forward and on its way back.

use crate::places::{ALB, COMMAND, HTTP};
use crate::support::{Cutover, Home, Moto, Running, SOON, Scripted, Site, need, need_moto, wait_for, wait_until};
use crate::told::Told;
use crate::wire::Wire;
use std::path::Path;
use warroom::engine::{Command, Phase};
use warroom::wire::Status;

/// Rounds until a rollback was interrupted: one that waits for a busy machine is rare.
const ROUNDS_MAX: usize = 5;

/// A run on one of them, and the balancer's own word for the candidate's share in percent.
struct Stand<'a> {
    home: &'a Home,
    plan: &'a Path,
    share: &'a dyn Fn() -> f64,
    wire: Wire,
}

impl Stand<'_> {
    fn start(&self, death: Option<(&str, u64)>) -> Running {
        let mut command = self.home.command(["run"]);
        command.arg(self.plan).args(["--as", "alice"]);
        if let Some((place, passage)) = death {
            command.env("WARROOM_FAILPOINT", format!("{place}:{passage}")).env("WARROOM_DIED", self.died());
        }
        Running::start(&mut command)
    }

    fn died(&self) -> std::path::PathBuf {
        self.home.path().join("died")
    }

    /// One life that ends at a place; until then `act` is given whatever its keeper shows.
    #[track_caller]
    fn dies_at(&self, (place, passage): (&str, u64), mut act: impl FnMut(&Status)) {
        let _ = std::fs::remove_file(self.died());
        let running = self.start(Some((place, passage)));
        wait_until(place, || {
            if let Some(status) = self.wire.status(self.home) {
                act(&status);
            }
            self.died().exists()
        });
        assert_eq!(std::fs::read_to_string(self.died()).ok().as_deref(), Some(place));
        running.finish();
    }

    /// A hold after a restart shows what the balancer holds.
    #[track_caller]
    fn is_true(&self, status: &Status) {
        let (Phase::Held, Some(configured)) = (status.snapshot.phase, &status.snapshot.split.configured) else {
            return;
        };
        let (shown, held) = (configured.share * 100.0, (self.share)());
        assert!((shown - held).abs() < 0.1, "shown {shown} %, the balancer has {held} %");
    }

    /// At each place, and once more where no rollback was interrupted: one that went out ahead of its record, because the
    /// machine was busy for 20 ms, is not known to the next keeper.
    #[track_caller]
    fn lives_at(&self, places: &[(&str, u64)]) {
        let interrupted = || places.iter().filter(|(place, passage)| self.lives(place, *passage)).count();
        assert!((0..ROUNDS_MAX).any(|_| interrupted() > 0), "no rollback was interrupted");
    }

    /// Dies on the way forward, dies on the way back, and is left alone: then everything is on stable. Whether a rollback
    /// was interrupted.
    #[track_caller]
    fn lives(&self, place: &str, passage: u64) -> bool {
        let ask = |command| self.wire.ask(self.home, command);
        self.dies_at((place, passage), |status| {
            if status.snapshot.phase == Phase::Ready {
                let _ = ask(Command::Advance { generation: status.snapshot.generation, over: None });
            }
        });
        self.dies_at((place, 1), |status| {
            self.is_true(status);
            if status.snapshot.phase == Phase::Held {
                let _ = ask(rollback());
            }
        });
        let told = Told::by_newest(self.home);
        let running = self.start(None);
        let first = wait_for("it shows the balancer", SOON, || {
            self.wire.status(self.home).filter(|status| status.snapshot.split.configured.is_some())
        });
        self.is_true(&first);
        let phase = first.snapshot.phase;
        let goes_on = match (told.back, told.moved) {
            (true, _) => phase.is_back(),
            (false, true) => phase == Phase::Held,
            (false, false) => matches!(phase, Phase::Preflight | Phase::Ready),
        };
        assert!(goes_on, "{place}: {told:?}, and it is {phase:?}");
        if phase == Phase::Held {
            let _ = ask(rollback());
        }
        wait_until("everything is on stable", || {
            let phase = self.wire.status(self.home).map(|status| status.snapshot.phase);
            phase == Some(Phase::RolledBack) || !told.moved && phase.is_some()
        });
        assert_eq!((self.share)(), 0.0, "{place}");
        let _ = ask(Command::End);
        running.finish();
        told.back
    }
}

fn rollback() -> Command {
    Command::Rollback { reason: Some("kills".into()), typed: None }
}

#[test]
fn a_keeper_of_a_percentage_api_comes_back_to_the_truth() {
    let site = Site::new();
    let plan = site.write(&site.plan());
    let share = || site.balancer.green();
    let stand = Stand { home: &site.home, plan: &plan, share: &share, wire: Wire::new() };
    stand.lives_at(HTTP);
}

#[test]
fn a_keeper_of_a_script_comes_back_to_the_truth() {
    if !need("haproxy") || !need("socat") {
        return;
    }
    let (home, script) = (Home::new(), Scripted::start());
    Scripted::put_script(home.path());
    let plan = home.write("plan.toml", &script.plan(&["50 %", "100 %"], "5s"));
    let share = || {
        let (stable, candidate) = script.weights();
        f64::from(candidate) * 100.0 / f64::from(stable + candidate)
    };
    let stand = Stand { home: &home, plan: &plan, share: &share, wire: Wire::new() };
    stand.lives_at(COMMAND);
}

#[test]
fn a_keeper_of_an_aws_rule_comes_back_to_the_truth() {
    if !need_moto() {
        return;
    }
    let cutover = Cutover::new(Moto::shared());
    // The larger of both forwards.
    let share = || {
        let share = |held: &Vec<Option<i32>>| {
            let [stable, candidate] = [0, 1].map(|index| f64::from(held[index].expect("a weight")));
            candidate * 100.0 / (stable + candidate)
        };
        cutover.held().iter().map(share).fold(0.0, f64::max)
    };
    let stand = Stand { home: &cutover.home, plan: &cutover.plan, share: &share, wire: Wire::new() };
    stand.lives_at(ALB);
}
