//! `warroom world`.

use super::{Exit, Failure, Outcome, WorldCommand};
use crate::world::{self, Scenario, WorldOptions};
use std::time::Duration;

/// How long the demo's world outlives its console.
const ORPHAN_LIFE: Duration = Duration::from_secs(600);

pub(super) fn run(args: WorldCommand) -> Outcome {
    let failed = |error: &dyn std::fmt::Display| Failure::new(Exit::Unreachable, error);
    let scenario = Scenario::named(&args.scenario, args.seed).ok_or_else(|| failed(&"no such scenario"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| failed(&error))?;
    if !args.until_eof {
        super::out::say(format!(
            "world on http://{}: scenario {}, {} rps; Ctrl-C ends it",
            args.listen, args.scenario, args.load
        ));
    }
    let options =
        WorldOptions { listen: args.listen, scenario, speed: args.speed, write_plan: args.write_plan, load: args.load };
    runtime.block_on(async {
        tokio::select! {
            ended = world::run(options) => ended.map_err(|error| failed(&error)),
            _ = tokio::signal::ctrl_c() => Ok(()),
            () = orphaned(args.until_eof) => Ok(()),
        }
    })?;
    Ok(Exit::Done)
}

async fn orphaned(until_eof: bool) {
    if !until_eof {
        return std::future::pending().await;
    }
    let (closed, eof) = tokio::sync::oneshot::channel();
    // A thread of its own: a read that never ends must not keep the runtime from ending.
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = closed.send(());
    });
    let _ = eof.await;
    tokio::time::sleep(ORPHAN_LIFE).await;
}
