//! Answers of a balancer with a percentage API, and of a script that prints them: two percentages that make 100, or
//! words.

use warroom::domain::{PerRole, Role};
use warroom::plan::Reading;
use warroom::traffic::{percentages, shares};

pub fn body(data: &[u8]) {
    for (stable, candidate) in [("blue", "green"), ("/split/blue", "/split/green"), ("/0/weight", "/1/weight")] {
        let fields = PerRole { stable: stable.to_owned(), candidate: candidate.to_owned() };
        let one = PerRole { stable: None, candidate: Some(candidate.to_owned()) };
        for read in [percentages(&fields, data), shares(&Reading::Json(one), data)] {
            match read {
                Ok(percent) => {
                    assert!(Role::BOTH.iter().all(|role| (0.0..=100.0).contains(&percent[*role])));
                    assert!((percent.stable + percent.candidate - 100.0).abs() < 0.2);
                }
                Err(words) => assert!(!words.as_str().is_empty()),
            }
        }
    }
}
