//! Hazard 36: what a console sends over a slow link, frame by frame.

#[path = "support/bytes.rs"]
mod bytes;
#[path = "support/scene.rs"]
mod scene;
#[path = "support/shots.rs"]
mod shots;

use scene::Scene;
use shots::{Shot, UNICODE, baking};

/// A second in which nothing is heard: the clock, the spinner and three ages, about nine bytes each with the way there.
const TICK_BYTES_MAX: usize = 60;
/// A second with new data in every panel.
const DATA_BYTES_MAX: usize = 1024;

#[test]
fn hazard_36_a_second_without_news_costs_a_line_of_bytes() {
    let quiet = Shot::from_status("quiet", baking());
    for (width, height) in [(80, 24), (120, 40), (200, 60)] {
        let frames: Vec<_> = (0..2)
            .map(|second| Shot::from_status("quiet", baking()).later(second * 1000).buffer(width, height, UNICODE))
            .collect();
        let bytes = bytes::of_frames(&frames);
        assert!(bytes[1] <= TICK_BYTES_MAX, "{width}x{height}: {bytes:?}");
        println!("{width}x{height}: {} B", bytes[1]);
    }
    let again = quiet.buffer(120, 40, UNICODE);
    assert_eq!(
        again,
        quiet.buffer(120, 40, UNICODE),
        "the same moment is the same frame, and a same frame is not sent"
    );
}

#[test]
fn hazard_36_a_second_of_data_costs_less_than_a_kilobyte() {
    for (width, height) in [(80, 24), (120, 40), (200, 60)] {
        let mut scene = Scene::at_step(1);
        scene.run(60.0);
        let frames: Vec<_> = (0..30)
            .map(|_| {
                scene.run(1.0);
                Shot::of("data", &scene).buffer(width, height, UNICODE)
            })
            .collect();
        let bytes = bytes::of_frames(&frames);
        let steady = &bytes[1..];
        let mean = steady.iter().sum::<usize>() / steady.len();
        assert!(mean <= DATA_BYTES_MAX, "{width}x{height}: mean {mean} of {steady:?}");
    }
}
