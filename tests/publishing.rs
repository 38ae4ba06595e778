//! How often a keeper tells its consoles how things stand.

#![expect(clippy::disallowed_methods, reason = "a test has clocks and threads of its own")]

mod support;

use std::path::Path;
use std::time::{Duration, Instant};
use support::{Site, plain};
use warroom::engine::Command;
use warroom::wire::{Client, FromKeeper, Introduction};

/// Commands that come one after the other, each with a line of the log.
const COMMANDS: u64 = 300;
/// Least time between two snapshots.
const LEAST: Duration = Duration::from_millis(100);

/// Each console would have to read and draw all of them before its next key.
#[test]
fn a_flood_of_commands_is_no_flood_of_snapshots() {
    let (site, _plan, _running) = Site::running(plain);
    let socket = site.home.state().join("sockets").join(format!("{}.sock", site.run_id()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (told, lasting) = runtime.block_on(async {
        let introduction = Introduction { follow: true, ..Introduction::default() };
        let mut console = Client::connect(&socket, &introduction).await.expect("the keeper answers");
        let last = newest(&mut console).await + COMMANDS;
        let (began, mut told) = (Instant::now(), 1);
        let follow = async {
            while newest(&mut console).await < last {
                told += 1;
            }
        };
        tokio::join!(follow, ask(&socket));
        (told, began.elapsed())
    });
    // One before the first pause, and one that was on its way.
    let most = lasting.div_duration_f64(LEAST) as u64 + 2;
    assert!(told <= most, "{told} snapshots in {lasting:?}");
}

/// The number of the newest line in the next snapshot.
async fn newest(console: &mut Client) -> u64 {
    loop {
        let message = console.connection.next().await.expect("a frame").expect("the keeper is there");
        if let FromKeeper::Status(status) = message {
            return status.snapshot.log.last().map_or(0, |entry| entry.number);
        }
    }
}

async fn ask(socket: &Path) {
    let mut client = Client::connect(socket, &Introduction::default()).await.expect("the keeper answers");
    for _ in 0..COMMANDS {
        client.command(Command::Unsuspend).await.expect("an answer");
    }
}
