//! What a frame costs at three sizes: CPU time to draw it, and bytes to send it.
//!
//! `cargo bench --bench screen`. No times are asserted; `tests/screen_bytes.rs` holds the bytes to their limits.

#[path = "../support/bytes.rs"]
mod bytes;
#[path = "../support/scene.rs"]
mod scene;
#[path = "../support/shots.rs"]
mod shots;

use scene::Scene;
use shots::{Shot, UNICODE};

/// Frames whose CPU time is taken together.
const FRAMES: u32 = 2000;
/// Seconds of data whose bytes are counted.
const SECONDS: usize = 60;

fn main() {
    for (width, height) in [(80, 24), (120, 40), (200, 60)] {
        let mut scene = Scene::at_step(1);
        scene.run(60.0);
        let shot = Shot::of("frame", &scene);
        let before = cpu_micros();
        for _ in 0..FRAMES {
            std::hint::black_box(shot.buffer(width, height, UNICODE));
        }
        let drawn = (cpu_micros() - before) / f64::from(FRAMES);
        let frames: Vec<_> = (0..=SECONDS)
            .map(|_| {
                scene.run(1.0);
                // Errors and latency wander, so that charts and numbers change as they do in life.
                let wave = scene.now.micros() as f64 / 3e6;
                scene.error_ratio.candidate = 0.004 + 0.003 * wave.sin();
                scene.p99.candidate = 0.11 + 0.02 * wave.cos();
                Shot::of("frame", &scene).buffer(width, height, UNICODE)
            })
            .collect();
        let sent = bytes::of_frames(&frames);
        let mean = sent[1..].iter().sum::<usize>() as f64 / SECONDS as f64;
        println!(
            "{width:>3}x{height}: {drawn:>6.1} CPU µs a frame; first frame {} bytes, then {mean:.0} bytes/s, {:.1} KB/min",
            sent[0],
            mean * 60.0 / 1000.0
        );
    }
}

fn cpu_micros() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}
