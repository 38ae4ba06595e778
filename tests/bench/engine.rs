//! The engine through a simulated day: events a second, what it holds in memory, what a snapshot costs.
//!
//! `cargo bench --bench engine`

#[path = "figures.rs"]
mod figures;
#[path = "../support/scene.rs"]
mod scene;

use figures::cpu;
use peak_alloc::PeakAlloc;
use scene::Scene;
use std::hint::black_box;
use warroom::engine::Command;
use warroom::wire::{FromKeeper, encode};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const SNAPSHOTS: u32 = 2000;

fn main() {
    let before = MEMORY.current_usage();
    let mut scene = Scene::at_step(2);
    scene.command(scene::alice(), Command::Hold);
    let series = scene.engine.snapshot().signals.len();
    println!("held at 25 %, one sample of each of {series} signals a second; memory is of engine and scene");
    let mut hours_done = 0;
    for hours in [1_u32, 6, 24] {
        let events = scene.events();
        let took = cpu(|| scene.run(f64::from(hours - hours_done) * 3600.0));
        hours_done = hours;
        let events = scene.events() - events;
        println!(
            "after {hours:>2} h: {:>8} bytes held, {:>8} at the height; {:>9.0} events/s of CPU, {events} events",
            MEMORY.current_usage() - before,
            MEMORY.peak_usage() - before,
            events as f64 / took.as_secs_f64(),
        );
    }
    snapshots(&scene);
}

fn snapshots(scene: &Scene) {
    let each = |took: std::time::Duration| took.as_secs_f64() * 1e6 / f64::from(SNAPSHOTS);
    let message = FromKeeper::Status(Box::new(scene.status()));
    let frame = encode(&message);
    let made = cpu(|| (0..SNAPSHOTS).for_each(|_| drop(black_box(scene.engine.snapshot()))));
    let encoded = cpu(|| (0..SNAPSHOTS).for_each(|_| drop(black_box(encode(&message)))));
    let decoded = cpu(|| {
        for _ in 0..SNAPSHOTS {
            black_box(serde_json::from_slice::<FromKeeper>(&frame)).expect("our own words");
        }
    });
    println!(
        "a snapshot: {} bytes as a frame; CPU us: made {:.1}, encoded {:.1}, decoded {:.1}",
        frame.len(),
        each(made),
        each(encoded),
        each(decoded)
    );
}
