//! A direct rollback that dies at any of its places, beside a keeper that is dead or stands still, and is done again.

use crate::places::DIRECT;
use crate::support::{Running, Site, number, plain, signal};
use rustix::process::Signal;

/// Where the keeper is while somebody rolls back without it.
#[derive(Debug, Clone, Copy)]
enum Keeper {
    Dead,
    StandsStill,
}

#[track_caller]
fn dies_and_is_done_again(place: &str, passage: u64, keeper: Keeper) {
    let context = format!("{place}:{passage}, the keeper {keeper:?}");
    let (site, plan, console) = Site::running(plain);
    let home = &site.home;
    site.advance_to(10.0);
    let (run, pid) = (site.run_id(), home.keeper_pid());
    match keeper {
        Keeper::Dead => drop(home.kill_keeper()),
        Keeper::StandsStill => signal(pid, Signal::STOP),
    }
    let died = home.path().join("died");
    let mut direct = home.command(["rollback", &run, "--direct", "--yes"]);
    direct.env("WARROOM_FAILPOINT", format!("{place}:{passage}")).env("WARROOM_DIED", &died);
    Running::start(&mut direct).finish().exits(128 + Signal::KILL.as_raw());
    assert_eq!(std::fs::read_to_string(&died).ok().as_deref(), Some(place));

    let left = site.balancer.green();
    let is_told = home.state().join("runs").join(&run).join("rolled-back-directly.json").exists();
    let _back = match keeper {
        Keeper::Dead => home.run_plan(&plan, "alice"),
        Keeper::StandsStill => {
            signal(pid, Signal::CONT);
            console
        }
    };
    if is_told {
        home.phase("rolled_back");
        assert_eq!(site.balancer.green(), 0.0, "{context}");
    } else {
        // Nobody told it: it shows what is there, and does nothing about it.
        let status = home.status_when("it shows what the balancer holds", |status| {
            status["split"]["configured_percent"].as_f64() == Some(left)
        });
        match keeper {
            Keeper::Dead => assert_eq!(status["phase"], "held", "{context}"),
            Keeper::StandsStill if left > 0.0 => assert_eq!(status["phase"], "baking", "{context}"),
            Keeper::StandsStill => assert!(status["drift"].is_object(), "{context}: {status:#?}"),
        }
        assert_eq!(number(&status["split"]["configured_percent"]), site.balancer.green(), "{context}");
    }

    home.run(["rollback", &run, "--direct", "--yes"]).exits(0);
    assert_eq!(site.balancer.green(), 0.0, "{context}");
    home.phase("rolled_back");
    home.run(["advance", "--as", "alice"]).exits(1).says("nothing moves forward");
    assert_eq!((site.balancer.green(), site.forward_posts()), (0.0, 1), "never forward again: {context}");
}

/// Every place and passage, side by side: most of a case is waiting.
fn everywhere(keeper: Keeper) {
    let cases = DIRECT.iter().flat_map(|(place, passages)| passages.iter().map(move |passage| (place, *passage)));
    std::thread::scope(|scope| {
        for (place, passage) in cases {
            scope.spawn(move || dies_and_is_done_again(place, passage, keeper));
        }
    });
}

#[test]
fn a_direct_rollback_beside_a_dead_keeper_that_dies_anywhere_is_done_again() {
    everywhere(Keeper::Dead);
}

#[test]
fn a_direct_rollback_beside_a_keeper_that_stands_still_that_dies_anywhere_is_done_again() {
    everywhere(Keeper::StandsStill);
}
