//! A keeper that is killed at each place of the other drivers, on its way forward and on its way back.

use crate::places::{ALB, COMMAND, HTTP};
use crate::support::{Balancer, Cutover, Home, Moto, Running, Scripted, Site, need, need_moto, wait_until};
use crate::wire::Wire;
use std::path::Path;
use warroom::engine::{Answer, Command, Phase};
use warroom::wire::Status;

/// A run on one of them, and the balancer's own word for the candidate's share in percent.
struct Stand<'a> {
    home: &'a Home,
    plan: &'a Path,
    share: &'a dyn Fn() -> f64,
    wire: Wire,
}

impl Stand<'_> {
    fn start(&self, place: Option<&str>) -> Running {
        let mut command = self.home.command(["run"]);
        command.arg(self.plan).args(["--as", "alice"]);
        if let Some(place) = place {
            command.env("WARROOM_FAILPOINT", format!("{place}:1")).env("WARROOM_DIED", self.died());
        }
        Running::start(&mut command)
    }

    fn died(&self) -> std::path::PathBuf {
        self.home.path().join("died")
    }

    /// One life that ends at a place; until then `act` is given whatever its keeper shows.
    #[track_caller]
    fn dies_at(&self, place: &str, mut act: impl FnMut(&Status)) {
        let _ = std::fs::remove_file(self.died());
        let running = self.start(Some(place));
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

    /// Dies on the way forward, dies on the way back, and is left alone: then everything is on stable.
    #[track_caller]
    fn lives(&self, place: &str) {
        self.dies_at(place, |status| {
            if status.snapshot.phase == Phase::Ready {
                let _ =
                    self.wire.ask(self.home, Command::Advance { generation: status.snapshot.generation, over: None });
            }
        });
        let mut accepted = false;
        self.dies_at(place, |status| {
            self.is_true(status);
            if status.snapshot.phase == Phase::Held {
                accepted |= matches!(self.wire.ask(self.home, rollback()), Some(Answer::Applied(_)));
            }
        });
        let running = self.start(None);
        let mut begins = None;
        wait_until("everything is on stable", || {
            let Some(status) = self.wire.status(self.home) else { return false };
            let phase = status.snapshot.phase;
            if status.snapshot.split.configured.is_some() && begins.is_none() {
                begins = Some(phase);
                self.is_true(&status);
                assert!(
                    !accepted || phase.is_back(),
                    "{place}: an accepted rollback goes on by itself, and it is {phase:?}"
                );
                if phase == Phase::Held {
                    let _ = self.wire.ask(self.home, rollback());
                }
            }
            let is_new = matches!(phase, Phase::Preflight | Phase::Ready);
            begins.is_some() && (is_new || phase == Phase::RolledBack)
        });
        assert_eq!((self.share)(), 0.0, "{place}");
        let _ = self.wire.ask(self.home, Command::End);
        running.finish();
    }
}

fn rollback() -> Command {
    Command::Rollback { reason: Some("kills".into()), typed: None }
}

#[test]
fn a_keeper_of_a_percentage_api_comes_back_to_the_truth() {
    let site = Site::new();
    let plan = site.write(&site.plan());
    let share = || Balancer::green(&site.balancer);
    let stand = Stand { home: &site.home, plan: &plan, share: &share, wire: Wire::new() };
    HTTP.iter().for_each(|place| stand.lives(place));
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
    COMMAND.iter().for_each(|place| stand.lives(place));
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
    ALB.iter().for_each(|place| stand.lives(place));
}
