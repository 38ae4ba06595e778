//! A keeper that dies around one of the operator's own programs: it is not run again by itself, and the next keeper says
//! that nobody knows how it ended.

use crate::places::HOOKS;
use crate::support::{Running, Site, wait_until};
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_program_whose_keeper_dies_beside_it_is_not_run_again_by_itself() {
    for (place, times) in HOOKS {
        let site = Site::new();
        let home = &site.home;
        let script = home.write("smoke.sh", "#!/bin/sh\necho run >>runs\n");
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).expect("executable");
        let mut plan = site.plan();
        plan.more += "[[hooks]]\nname = \"smoke\"\nsays = \"smoke tests\"\nrun = [\"./smoke.sh\"]\n";
        let plan = site.write(&plan);
        let runs = || std::fs::read_to_string(home.path().join("runs")).unwrap_or_default().lines().count();

        let died = home.path().join("died");
        let mut command = home.command(["run"]);
        command.arg(&plan).args(["--as", "alice"]);
        command.env("WARROOM_FAILPOINT", format!("{place}:1")).env("WARROOM_DIED", &died);
        let keeper = Running::start(&mut command);
        home.ready();
        let asked = home.start(["hook", "smoke", "--as", "alice"]);
        wait_until(place, || died.exists());
        keeper.finish();
        asked.finish().exits(5);
        assert_eq!(runs(), *times, "{place}");

        let _again = home.run_plan(&plan, "alice");
        let hook = |status: &serde_json::Value| status["hooks"][0].clone();
        let status = home.status_when("nobody knows", |status| hook(status)["state"] == "unknown");
        let words = hook(&status)["words"].to_string();
        assert!(words.contains("nobody knows how: the keeper ended while it ran"), "{place}: {words}");
        assert_eq!(runs(), *times, "{place}: not run again by itself");
        home.run(["hook", "smoke", "--as", "alice"]).exits(0).says("smoke passed");
        assert_eq!(runs(), times + 1, "{place}");
    }
}
