//! What was so and is so no longer: nothing that is shown outlives it, and nothing that it broke is forgotten with it.

use crate::engine::balancer::{Fate, split};
use crate::engine::plans::MANUAL;
use crate::engine::rig::Rig;
use crate::engine::script::story;
use warroom::engine::{Direction, Fact, Phase, RollbackState};

fn lines(rig: &Rig, words: &str) -> usize {
    rig.lines().filter(|line| line.text.as_str().contains(words)).count()
}

/// Everything is back and read back, confirmed or not yet; then an earlier setting of this run is there again.
#[test]
fn a_rollback_that_came_undone_is_read_back_no_longer() {
    for waited in [3_000_u32, 8_000] {
        let mut rig = Rig::at_first_step(&MANUAL);
        rig.roll_back("alice", None);
        rig.wait(waited.into());
        let view = rig.engine.snapshot().rollback.expect("accepted");
        assert!(view.read_back.is_some(), "{}", story(&rig));

        let own = split(&rig.balancer.layout, 100);
        rig.balancer.land(&own);
        rig.next_fates(&[Fate::Lost, Fate::Lost]);
        rig.wait(1_500);
        let snapshot = rig.engine.snapshot();
        let view = snapshot.rollback.expect("accepted");
        assert_eq!((rig.balancer.share(), view.state), (100, RollbackState::Acknowledged), "{}", story(&rig));
        assert_eq!((view.read_back, view.confirmed, snapshot.tempo.confirmed), (None, None, None));
        let band = snapshot.band.text.to_string();
        assert!(band.contains("NOT IN EFFECT yet: still 10%") && !band.contains("read back"), "{band}");
        // However often it is sent before it lands.
        assert_eq!(lines(&rig, "an earlier setting of this run is back"), 1, "{}", story(&rig));

        rig.wait(3_000);
        let snapshot = rig.engine.snapshot();
        let read_back = snapshot.rollback.expect("accepted").read_back.expect("again");
        assert!(read_back.as_millis() > waited.into(), "{read_back:?}\n{}", story(&rig));
        assert_eq!((rig.balancer.share(), rig.engine.phase()), (0, Phase::RollingBack));
        assert!(rig.sent(Direction::Back) >= 3, "{}", story(&rig));
        // How long it took is counted from when it was sent for that.
        let took = snapshot.tempo.read_back.expect("measured");
        assert!(took.as_millis() + u128::from(waited) < read_back.as_millis(), "{took:?} of {read_back:?}");
        assert_eq!(rig.noted(|fact| matches!(fact, Fact::RollbackReadBack)), 2, "{}", story(&rig));
        rig.wait(6_000);
        assert_eq!(rig.engine.phase(), Phase::RolledBack, "{}", story(&rig));
        assert!(rig.engine.snapshot().tempo.confirmed.is_some_and(|took| took.as_millis() > waited.into()));
    }
}
