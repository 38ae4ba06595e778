//! Two real HAProxy nodes with two servers a side.

use crate::bench::{Bench, Door, lines};
use crate::door::{Manner, Wire};
use crate::support::{App, Haproxy as Node, need};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use warroom::domain::{Setting, Slot};

pub struct Haproxy {
    door: Wire<Runtime>,
    nodes: [Node; 2],
    _servers: [App; 4],
}

/// One command a connection. Of half a write the second node hears nothing.
struct Runtime;

impl Manner for Runtime {
    fn message(&self, reader: &mut BufReader<&TcpStream>) -> Option<String> {
        let mut line = String::new();
        (reader.read_line(&mut line).ok()? > 0).then_some(line)
    }

    fn answer(&self, reader: &mut BufReader<&TcpStream>) -> Option<String> {
        let mut answer = String::new();
        reader.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    fn part(&self, place: usize, message: &str) -> Option<usize> {
        message.starts_with("set ").then_some(place)
    }

    fn half(&self, part: usize, _message: &str, pass: &dyn Fn() -> Option<String>) -> Option<String> {
        if part == 0 { pass() } else { None }
    }

    fn shown(&self, _message: &str, answer: String) -> String {
        answer
    }

    fn goes_on(&self) -> bool {
        false
    }
}

impl Bench for Haproxy {
    const HALF: &'static str = "lb2";

    fn start() -> Option<Self> {
        if !need("haproxy") {
            return None;
        }
        let servers = [App::start(), App::start(), App::start(), App::start()];
        let names = [("blue1", 100), ("blue2", 60), ("green1", 0), ("green2", 0)];
        let listed: Vec<_> =
            names.iter().zip(&servers).map(|((name, weight), app)| (*name, app.address(), *weight)).collect();
        let nodes = [Node::start(&listed, "admin"), Node::start(&listed, "admin")];
        let door = Wire::start(Runtime, &nodes.each_ref().map(Node::api));
        Some(Self { door, nodes, _servers: servers })
    }

    fn traffic(&self, keys: &str) -> String {
        let mut text = format!("driver = \"haproxy\"\nbackend = \"app\"\n{keys}");
        for place in 0..self.nodes.len() {
            let _ = write!(
                text,
                "[[traffic.nodes]]\nname = \"lb{}\"\naddress = \"{}\"\n",
                place + 1,
                self.door.address(place)
            );
        }
        text + "[traffic.servers]\nstable = [\"blue1\", \"blue2\"]\ncandidate = [\"green1\", \"green2\"]\n"
    }

    fn truth(&self) -> Setting {
        let of_node = |(node, at): (usize, &Node)| {
            at.weights().into_iter().map(move |(name, weight)| (Slot { node, name }, weight)).collect::<Vec<_>>()
        };
        Setting(self.nodes.iter().enumerate().flat_map(of_node).collect())
    }

    /// What each node would have again after a reload, and which servers it keeps out.
    fn rest(&self) -> String {
        let of_node = |(place, node): (usize, &Node)| {
            let state = node.ask("show servers state app").expect("haproxy answers");
            let rows: Vec<Vec<&str>> =
                state.lines().skip(1).map(|line| line.trim_start_matches("# ").split(' ').collect()).collect();
            let kept = ["srv_name", "srv_addr", "srv_admin_state", "srv_iweight", "srv_port"];
            let columns: Vec<usize> = (0..rows[0].len()).filter(|at| kept.contains(&rows[0][*at])).collect();
            let of_row =
                |row: &Vec<&str>| columns.iter().filter_map(|at| row.get(*at)).map(|s| format!("{s} ")).collect();
            (place.to_string(), rows.iter().map(of_row).collect::<Vec<String>>().join("; "))
        };
        lines(self.nodes.iter().enumerate().map(of_node))
    }

    fn set(&self, setting: &Setting) {
        for (slot, weight) in &setting.0 {
            let answer = self.nodes[slot.node].ask(&format!("set server app/{} weight {weight}", slot.name));
            assert_eq!(answer.as_deref().map(str::trim), Some(""), "{slot:?}");
        }
    }

    fn door(&self) -> &dyn Door {
        &self.door
    }
}
