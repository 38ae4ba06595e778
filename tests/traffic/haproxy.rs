//! HAProxy nodes that go away, refuse and hang in the middle of a way back.

use crate::fakes::{NodeFake, Reply, plan, setting};
use std::fmt::Write as _;
use std::sync::Arc;
use warroom::domain::Setting;
use warroom::engine::WriteResult;
use warroom::traffic::{Traffic, connect};

fn driver(nodes: &[&NodeFake]) -> Arc<dyn Traffic> {
    at(nodes.iter().map(|node| node.address.clone()))
}

fn at(addresses: impl Iterator<Item = String>) -> Arc<dyn Traffic> {
    let mut text = "driver = \"haproxy\"\nbackend = \"app\"\ntimeout = \"1s\"\n".to_owned();
    for (index, address) in addresses.enumerate() {
        let _ = write!(text, "[[traffic.nodes]]\nname = \"lb{}\"\naddress = \"{address}\"\n", index + 1);
    }
    text.push_str("[traffic.servers]\nstable = [\"b1\", \"b2\"]\ncandidate = [\"g1\", \"g2\"]\n");
    connect(&plan(text)).expect("a driver")
}

const HALF: &[(&str, u32)] = &[("b1", 100), ("b2", 60), ("g1", 100), ("g2", 60)];

fn back(nodes: usize) -> Setting {
    let weights = [("b1", 100), ("b2", 60), ("g1", 0), ("g2", 0)];
    let all: Vec<_> = (0..nodes).flat_map(|node| weights.map(|(name, weight)| (node, name, weight))).collect();
    setting(&all)
}

fn weights(node: &NodeFake) -> String {
    node.weights().iter().map(|(name, weight)| format!("{name}={weight} ")).collect::<String>().trim().to_owned()
}

#[track_caller]
fn words(result: &WriteResult) -> &str {
    assert!(!result.is_accepted(), "{result:?}");
    result.words().expect("a reason")
}

fn silence() -> Reply {
    Reply::Last(String::new())
}

#[tokio::test]
async fn a_connection_that_closes_without_a_byte_is_no_answer() {
    let node = NodeFake::start(HALF, |_, _| Some(silence()));
    let driver = driver(&[&node]);
    let result = driver.write(back(1), None).await;
    assert!(matches!(result, WriteResult::Unknown(_)), "{result:?}");
    assert!(words(&result).contains("without an answer"), "{result:?}");
    let state = driver.read().await;
    assert!(state.setting().expect_err("nothing was read").as_str().contains("without an answer"));
}

#[tokio::test]
async fn a_node_is_found_by_its_name_and_one_that_nobody_knows_is_sent_nothing() {
    let node = NodeFake::start(HALF, |_, _| None);
    let named = at(std::iter::once(node.address.replace("127.0.0.1", "localhost")));
    assert_eq!(named.write(back(1), None).await, WriteResult::Accepted);
    assert_eq!(weights(&node), "b1=100 b2=60 g1=0 g2=0");
    let nobody = at(std::iter::once("lb.invalid:9999".to_owned())).write(back(1), None).await;
    assert!(matches!(&nobody, WriteResult::NotSent(why) if why.as_str().contains("lb.invalid:9999: ")), "{nobody:?}");
}

#[tokio::test]
async fn stable_stays_raised_over_a_candidate_that_may_have_kept_its_weight() {
    let node = NodeFake::start(HALF, |command, _| command.contains("g1 ").then(silence));
    let result = driver(&[&node]).write(back(1), None).await;
    assert!(matches!(&result, WriteResult::Unknown(why) if why.as_str().contains("g1")), "{result:?}");
    assert_eq!(weights(&node), "b1=256 b2=256 g1=100 g2=0", "the candidate never gets more than it had");
}

#[tokio::test]
async fn a_stable_server_that_is_gone_does_not_keep_the_candidate_in_traffic() {
    let node = NodeFake::start(&HALF[1..], |_, _| None);
    let result = driver(&[&node]).write(back(1), None).await;
    assert!(matches!(result, WriteResult::Unknown(_)), "{result:?}");
    assert!(words(&result).contains("b1: No such server."), "{result:?}");
    assert_eq!(weights(&node), "b2=60 g1=0 g2=0");
}

#[tokio::test]
async fn a_candidate_server_that_is_gone_does_not_keep_the_other_one_in_traffic() {
    let node = NodeFake::start(&[HALF[0], HALF[1], HALF[3]], |_, _| None);
    let result = driver(&[&node]).write(back(1), None).await;
    assert!(words(&result).contains("g1: No such server."), "{result:?}");
    assert_eq!(weights(&node), "b1=256 b2=256 g2=0");
}

#[tokio::test]
async fn without_any_server_of_stable_the_candidate_is_not_emptied() {
    let node = NodeFake::start(&HALF[2..], |_, _| None);
    let result = driver(&[&node]).write(back(1), None).await;
    assert!(matches!(result, WriteResult::Refused(_)), "{result:?}");
    assert!(words(&result).contains("b2: No such server."), "{result:?}");
    assert!(words(&result).contains("nobody would serve"), "{result:?}");
    assert_eq!(weights(&node), "g1=100 g2=60");
}

#[tokio::test]
async fn stables_weights_are_sent_last_whatever_they_are() {
    let node = NodeFake::start(&[("b1", 0), ("b2", 0), ("g1", 256), ("g2", 256)], |_, _| None);
    let all = setting(&[(0, "b1", 256), (0, "b2", 60), (0, "g1", 0), (0, "g2", 0)]);
    assert_eq!(driver(&[&node]).write(all, None).await, WriteResult::Accepted);
    assert_eq!(node.sets(), ["b1=256", "b2=256", "g1=0", "g2=0", "b1=256", "b2=60"]);
}

#[tokio::test]
async fn a_forward_write_stops_at_the_first_failure() {
    let node = NodeFake::start(&[("b1", 100), ("b2", 60), ("g1", 0), ("g2", 0)], |command, _| {
        command.contains("g1 ").then(silence)
    });
    let half = setting(&[(0, "b1", 100), (0, "b2", 60), (0, "g1", 100), (0, "g2", 60)]);
    let result = driver(&[&node]).write(half, None).await;
    assert!(matches!(&result, WriteResult::Unknown(why) if why.as_str().contains("half applied")), "{result:?}");
    assert_eq!(weights(&node), "b1=100 b2=60 g1=0 g2=0");
}

/// One answer is lost on the node that lives, while the other node lets everybody wait.
#[tokio::test]
async fn a_node_that_hangs_delays_no_other_nodes_second_try() {
    let living = NodeFake::start(HALF, |_, before| (before < 2).then(silence));
    let hanging = NodeFake::start(HALF, |_, _| Some(Reply::Hang));
    let result = driver(&[&living, &hanging]).write(back(2), None).await;
    assert_eq!(weights(&living), "b1=100 b2=60 g1=0 g2=0");
    assert!(matches!(result, WriteResult::Unknown(_)), "{result:?}");
    assert!(words(&result).contains("lb2: ") && !words(&result).contains("lb1: "), "{result:?}");
    assert_eq!(hanging.sets(), ["b1=256"], "and is given up after one command");
}

#[tokio::test]
async fn each_node_is_read_on_its_own() {
    let living = NodeFake::start(HALF, |_, _| None);
    let hanging = NodeFake::start(HALF, |_, _| Some(Reply::Hang));
    let state = driver(&[&hanging, &living]).read().await;
    let why = state.nodes[0].slots.as_ref().expect_err("it hangs").as_str();
    assert!(why.starts_with("lb1: ") && why.contains("no answer in time"), "{why}");
    let slots = state.nodes[1].slots.as_ref().expect("it was read");
    assert_eq!(slots.iter().map(|slot| slot.weight).collect::<Vec<_>>(), [100, 60, 100, 60]);
}
