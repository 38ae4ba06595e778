//! `warroom world`.

use super::demo::ALONE;
use super::{CommandResult, Exit, Failure, WorldCommand};
use crate::world::{Listening, Scenario, WorldOptions};

pub(super) fn run(args: WorldCommand) -> CommandResult {
    let failed = |error: &dyn std::fmt::Display| Failure::new(Exit::Unreachable, error);
    let scenario = Scenario::named(&args.scenario, args.seed).ok_or_else(|| failed(&"no such scenario"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| failed(&error))?;
    let options =
        WorldOptions { listen: args.listen, scenario, speed: args.speed, write_plan: args.write_plan, load: args.load };
    let say = |words: String| {
        if !args.until_eof {
            super::out::say(words);
        }
    };
    runtime.block_on(async {
        let world = Listening::new(options).await.map_err(|error| failed(&error))?;
        let chosen = match world.scenario().name() {
            name if name == args.scenario => name.to_owned(),
            name => format!("{name} ({} by seed {})", args.scenario, args.seed),
        };
        let address = world.address();
        say(format!("world on http://{address}: scenario {chosen}, {} rps; Ctrl-C ends it", args.load));
        tokio::select! {
            ended = world.run() => ended.map_err(|error| failed(&error))?,
            _ = tokio::signal::ctrl_c() => {}
            () = orphaned(args.until_eof) => {}
        }
        say(format!("world ended: scenario {chosen}"));
        Ok(Exit::Done)
    })
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
    tokio::time::sleep(ALONE).await;
}
