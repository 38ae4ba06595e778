//! What befalls the machine, and what other hands do to the balancer.

use super::{By, Fault, Item, Life, Rule, SECOND, by_hand, wall};
use std::cmp::Reverse;
use std::time::Duration;
use warroom::domain::Weights;
use warroom::engine::{Engine, Entry, Event};

impl Life<'_> {
    /// Gives whether it did not stand still already.
    pub(super) fn stands_still(&mut self, least: u64, most: u64) -> bool {
        let is_new = self.is_awake();
        if is_new {
            self.stood_since = Some(self.clock);
            self.still_until = self.clock + self.chance.between(least * SECOND, most * SECOND);
        }
        is_new
    }

    pub(super) fn weather_turns(&mut self) {
        let after = self.chance.between(SECOND / 2, 6 * SECOND);
        self.later(after, Item::Weather);
        let Some(fault) = self.weather.turn(&mut self.chance) else { return };
        if self.trace {
            println!("           weather {fault:?}");
        }
        let struck = if fault == Fault::ClockJump && self.is_awake() {
            let by = Duration::from_millis(self.chance.between(1, 20_000));
            self.take(Event::ClockJumped { by });
            true
        } else if fault == Fault::ServersDown {
            // A surveyed balancer does not tell.
            !self.stage.is_surveyed && (0..self.stage.layout.slots.len()).any(|slot| self.weather.is_down(slot))
        } else if fault == Fault::Suspend {
            self.stands_still(1, 40)
        } else if fault == Fault::WallJump {
            self.sets_wall_clock()
        } else if fault == Fault::Direct {
            self.roll_back_directly()
        } else if fault == Fault::ForeignForward {
            self.moves_forward_by_hand()
        } else if fault == Fault::ForeignBack {
            self.meddle_by_hand(&[0])
        } else {
            if fault == Fault::Crash && self.is_alive {
                self.crash_after = Some(self.seq + self.chance.below(30));
            }
            false
        };
        if struck {
            self.weather.has_struck(fault);
        }
    }

    /// Never to a setting that this run may have on its way: whose it then is nobody can tell.
    fn moves_forward_by_hand(&mut self) -> bool {
        let most = if matches!(self.stage.layout.weights, Weights::Percent) { 990 } else { 1000 };
        self.meddle_by_hand(&[110, 310, 510, 710, most])
    }

    /// Somebody changes the balancer, on one node or on all. Gives whether it held something else.
    fn meddle_by_hand(&mut self, shares: &[u32]) -> bool {
        let row = by_hand(self.stage, *self.chance.pick(shares));
        let nodes = self.stage.layout.nodes.len() as u64;
        let only = if self.chance.one_in(3) { Some(self.chance.below(nodes) as usize) } else { None };
        let slots = row.iter().copied().enumerate();
        let is_meant = |slot: usize| only.is_none_or(|node| self.stage.layout.slots[slot].0.node == node);
        let parts: Vec<_> = slots.filter(|(slot, _)| is_meant(*slot)).collect();
        let changes = parts.iter().any(|(slot, weight)| self.balancer.row[*slot] != *weight);
        self.writes += 1;
        self.later(0, Item::Lands { write: self.writes, parts, by: By::Other });
        changes
    }

    pub(super) fn crash(&mut self) {
        self.weather.has_struck(Fault::Crash);
        // A machine may come back with a wrong clock, and no keeper is there to notice.
        if self.weather.can_be(Fault::WallJump) && self.sets_wall_clock() {
            self.weather.has_struck(Fault::WallJump);
        }
        self.crash_after = None;
        if self.flickers {
            // Whoever dies all the time confirms nothing: each process begins its window anew.
            let faults = self.weather.faults().without(Fault::Crash);
            self.weather.changes(faults);
        }
        self.is_alive = false;
        self.process += 1;
        self.forward = None;
        self.aborted.clear();
        self.running.clear();
        self.stood_since = None;
        self.still_until = 0;
        // What was being written when it died may be on the disk or not.
        let unsynced = std::mem::take(&mut self.queue).into_sorted_vec();
        let mut torn = Vec::new();
        for Reverse(due) in unsynced.into_iter().rev() {
            if due.item.is_of_the_world() {
                self.queue.push(Reverse(due));
            } else if let Item::Synced { entry, taken, .. } = due.item
                && taken.is_there()
            {
                torn.push(entry);
            }
        }
        let kept = self.chance.below(2).min(torn.len() as u64) as usize;
        torn.into_iter().take(kept).for_each(|entry| self.keeps(*entry));
        self.disk_free_at = self.clock;
        let after = self.chance.between(SECOND / 10, 4 * SECOND);
        self.later(after, Item::Restart);
    }

    /// Once each, as the journal's writer does: what was refused and is there all the same comes again as it was.
    pub(super) fn keeps(&mut self, entry: Entry) {
        match self.entries.iter().rfind(|kept| kept.number == entry.number) {
            None => self.entries.push(entry),
            Some(kept) if *kept == entry => {}
            Some(_) => {
                let what = format!("record {} is another one on the disk", entry.number);
                self.witness.breaks(Rule::Durable, what);
            }
        }
    }

    /// Gives whether it was set to another time.
    fn sets_wall_clock(&mut self) -> bool {
        let offset = *self.chance.pick(&[-3_600_000, 0, 3_600_000]);
        std::mem::replace(&mut self.wall_offset, offset) != offset
    }

    pub(in crate::sim) fn was_restarted(&self) -> bool {
        self.process > 0
    }

    pub(super) fn restart(&mut self) {
        self.is_alive = true;
        self.wall_noticed = self.wall_offset;
        // As the journal is read: what the disk refused at first was written again under its own number.
        self.entries.sort_by_key(|entry| entry.number);
        let (now, wall) = (self.now(), wall(self.clock, self.wall_offset));
        let plan = self.stage.plan.clone();
        let jitter = self.chance.next();
        self.engine = Engine::begin(plan, self.mode, &self.entries, now, wall, jitter);
        if self.trace {
            println!("           restarted on {} records: {:?}", self.entries.len(), self.engine.phase());
        }
        self.witness.restarted(now, wall, &self.entries);
        self.woke_at = 0;
        self.begin_sources();
        self.come_all();
    }
}
