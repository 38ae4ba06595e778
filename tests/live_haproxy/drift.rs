//! Weights that another hand, or a reload, has set.

use super::*;

#[test]
fn a_reload_is_drift_and_can_be_completed() {
    if !need("haproxy") {
        return;
    }
    let mut site = Site::new(&["admin"]);
    let _console = site.run(&site.plan(&["25 %", "50 %", "100 %"], "1s"));
    site.home.advance("alice").exits(0);
    site.nodes[0].reload();
    let status = site.home.status_when("the reload is seen as drift", |status| !status["drift"].is_null());
    assert_eq!(number(&status["drift"]["from_percent"]), 25.0);
    assert_eq!(number(&status["drift"]["to_percent"]), 0.0);
    assert_eq!(site.weights(0), own_weights(), "drift is never fought");
    site.home.run(["advance", "--as", "alice"]).exits(1).says("drift");
    site.home.run(["complete", "--as", "bob"]).exits(0);
    let status = site.home.phase("rolled_back");
    assert_eq!(status["rollback"]["by"], "bob");
    assert_eq!(site.weights(0), own_weights());
}

#[test]
fn somebody_elses_weights_are_drift_and_can_be_adopted() {
    if !need("haproxy") {
        return;
    }
    let site = Site::new(&["admin", "admin"]);
    let _console = site.run(&site.plan(&["25 %", "50 %", "100 %"], "1s"));
    site.home.advance("alice").exits(0);
    let before = site.weights(0);
    for node in &site.nodes {
        for name in ["green1", "green2"] {
            node.ask(&format!("set server app/{name} weight 1")).expect("haproxy answers");
        }
    }
    site.home.status_when("somebody's hand is seen on both nodes", |status| {
        status["drift"]["words"].as_str().is_some_and(|words| words.contains("somebody else"))
            && number(&status["drift"]["to_percent"]) < 5.0
    });
    site.home.run(["advance", "--as", "alice"]).exits(1).says("drift");
    assert_eq!(site.weights(0)["green1"], 1, "drift is never fought");
    site.home.run(["adopt", "--as", "bob"]).exits(1).says("only the driver");
    site.home.run(["adopt", "--as", "alice"]).exits(0);
    let status = site.home.status_when("no drift any more", |status| status["drift"].is_null());
    assert_eq!(status["held"], Value::Null, "{status:#?}");
    // The run stands below its first step again and goes there next.
    site.home.advance("alice").exits(0);
    assert_eq!(site.weights(0), before);
    site.home.run(["rollback", "--yes", "--as", "alice"]).exits(0);
    assert_eq!(site.weights(0), own_weights());
}

/// Somebody turns one node up by hand: it is named, set right by the driver alone, read back; and what somebody turned
/// down is not turned up again.
#[test]
fn somebody_elses_weights_can_be_re_asserted_over_and_a_colleagues_rollback_cannot() {
    if !need("haproxy") {
        return;
    }
    let site = Site::new(&["admin", "admin"]);
    let _console = site.run(&site.plan(&["25 %", "100 %"], "1s"));
    site.home.advance("alice").exits(0);
    let before = site.weights(1);
    let status = site.home.status_within("all agree", Duration::from_secs(30), |s| s["split"]["converged"] == true);
    assert_eq!(status["split"]["converged_words"], "converged");
    assert!(site.home.history().contains("converged: candidate 25% configured"), "{}", site.home.history());
    let set = |weight: u32| {
        for name in ["green1", "green2"] {
            site.nodes[1].ask(&format!("set server app/{name} weight {weight}")).expect("haproxy answers");
        }
    };
    for times in 1..=2 {
        set(200);
        let status = site.home.status_when("it is seen", |status| !status["drift"].is_null());
        let drift = &status["drift"];
        assert_eq!(drift["nodes"].as_array().map(Vec::len), Some(1), "{drift:#?}");
        assert_eq!((&drift["nodes"][0]["name"], &drift["times"]), (&"lb2".into(), &times.into()), "{drift:#?}");
        assert!(
            drift["words"].as_str().is_some_and(|words| words.contains("since ") && words.contains("lb2: green1 "))
        );
        assert_eq!(drift["words"].as_str().is_some_and(|words| words.contains("fighting")), times > 1);
        assert_eq!(status["split"]["converged"], false, "{status:#?}");
        site.home.run(["reassert", "--as", "bob"]).exits(1).says("only the driver");
        assert_eq!(site.weights(1)["green1"], 200, "drift is never fought");
        // Its readings may be between two windows: then it says so, and is asked again.
        wait_until("it is set again", || site.home.run(["reassert", "--as", "alice"]).code == 0);
        assert_eq!(site.weights(1), before, "read back");
    }
    set(0);
    site.home.status_when("it is seen", |status| status["drift"]["nodes"][0]["percent"] == 0.0);
    site.home.run(["reassert", "--as", "alice"]).exits(1).says("more than somebody else left it");
    assert_eq!(site.weights(1)["green1"], 0);
    site.home.run(["complete", "--as", "bob"]).exits(0);
    site.home.phase("rolled_back");
    assert_eq!(site.weights(0), own_weights());
}

#[test]
fn a_foreign_weight_during_a_rollback_is_not_fought() {
    if !need("haproxy") {
        return;
    }
    let site = Site::new(&["admin"]);
    let _console = site.run(&site.plan(&["25 %", "100 %"], "4s"));
    site.home.advance("alice").exits(0);
    let rolling = site.home.start(["rollback", "--yes", "--as", "alice"]);
    site.home.status_when("read back", |status| status["rollback"]["read_back"] == true);
    site.nodes[0].ask("set server app/green1 weight 77").expect("haproxy answers");
    let status = site.home.status_when("FOREIGN", |status| status["rollback"]["state"] == "foreign");
    assert_eq!(status["phase"], "rolling_back");
    assert!(status["band"].as_str().is_some_and(|band| band.contains("FOREIGN")), "{status:#?}");
    assert_eq!(site.weights(0)["green1"], 77);
    // The person who sees it puts it back; the rollback goes on to its end.
    site.nodes[0].ask("set server app/green1 weight 0").expect("haproxy answers");
    rolling.finish().exits(0);
    assert_eq!(site.weights(0), own_weights());
}
