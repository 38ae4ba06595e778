//! Rates, ratios, percentiles and gauges from scrapes that go wrong in every way.

use super::*;

fn at(seconds: u64) -> Mono {
    Mono::from_micros((seconds + 1000) * 1_000_000)
}

fn scrape(requests: f64, errors: f64) -> Scrape {
    let buckets = vec![(0.1, requests * 0.5), (0.2, requests * 0.99), (f64::INFINITY, requests)];
    Scrape { requests: Some(requests), errors, buckets, gauges: vec![] }
}

fn subject(signal: Signal, minimum_requests: u64) -> Subject {
    Subject { signal, role: crate::domain::Role::Candidate, window: Duration::from_secs(10), minimum_requests }
}

fn metrics() -> Metrics {
    let requests = crate::plan::RequestsMetric { metric: "r".into(), status_label: "s".into(), errors: "5..".into() };
    Metrics { requests, latency: Some("l".into()), labels: vec![], gauges: vec![], window: Duration::from_secs(10) }
}

fn read(instances: &Instances, signal: Signal, minimum: u64, now: Mono) -> Reading {
    instances.reading(&subject(signal, minimum), &metrics(), now, Freshness::of(Duration::from_secs(1)))
}

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn a_ratio_is_errors_over_requests_and_survives_a_reset() {
    let mut instances = Instances::new(1);
    for (second, requests, errors) in [(0, 1000.0, 10.0), (1, 1100.0, 11.0), (2, 50.0, 4.0)] {
        instances.push(0, at(second), Ok(scrape(requests, errors)), HOUR);
    }
    let reading = read(&instances, Signal::ErrorRatio, 1, at(2));
    assert_eq!(reading.requests, Some(150));
    assert!((reading.value.expect("known") - 5.0 / 150.0).abs() < 1e-9);
    assert!((read(&instances, Signal::RequestRate, 0, at(2)).value.expect("known") - 75.0).abs() < 1e-9);
}

/// Whether the newest increase of one instance is known, after these milliseconds and request counts.
fn newest_is_known(scrapes: &[(u64, f64)]) -> bool {
    let mut instance = Instance::default();
    for (ms, requests) in scrapes {
        instance.push(Mono::from_micros(ms * 1000), Ok(scrape(*requests, 0.0)), HOUR);
    }
    matches!(instance.increases.back().expect("two scrapes").counted, Counted::Grown { .. })
}

#[test]
fn what_a_new_process_has_counted_must_fit_into_the_time() {
    // A hundred a second, scraped every two seconds; then a process that counts from zero.
    for (gap, requests, fits) in
        [(5_000, 1_000.0, true), (5_000, 1_100.0, false), (500, 110.0, true), (500, 150.0, false)]
    {
        let known = newest_is_known(&[(0, 10_000.0), (2_000, 10_200.0), (2_000 + gap, requests)]);
        assert_eq!(known, fits, "{requests} in {gap} ms");
    }
}

#[test]
fn a_series_that_comes_back_is_not_new_requests_and_a_process_that_catches_up_is() {
    let down = [(0, 900.0), (1_000, 1_000.0), (2_000, 60.0)];
    assert!(!newest_is_known(&[&down[..], &[(3_000, 1_010.0)]].concat()), "back in one leap, and little beyond");
    let catches_up: Vec<_> = (1..=10).map(|n| (2_000 + n * 1_000, 60.0 + 100.0 * n as f64)).collect();
    for upto in 1..=catches_up.len() {
        assert!(newest_is_known(&[&down[..], &catches_up[..upto]].concat()), "{:?}", catches_up[upto - 1]);
    }
}

/// Errors or a bucket that went down beside requests that went up are not one process that was restarted.
#[test]
fn any_counter_that_goes_down_makes_the_increase_unknown() {
    let before = scrape(100.0, 5.0);
    let fewer = |change: fn(&mut Scrape)| {
        let mut now = scrape(110.0, 6.0);
        change(&mut now);
        matches!(counted(&before, &now, 10.0), (Counted::Unknown, true))
    };
    assert!(!fewer(|_| {}));
    assert!(fewer(|now| now.errors = 4.0));
    assert!(fewer(|now| now.buckets[0].1 = 49.0));
    let same = |errors| counted(&scrape(10.0, 5.0), &scrape(10.0, errors), 10.0);
    assert!(matches!(same(4.0), (Counted::Unknown, true)), "nothing new, and fewer errors");
    // Other bounds are another histogram: nothing of it is compared.
    assert!(!fewer(|now| now.buckets[0] = (0.05, 1.0)));
}

#[test]
fn a_percentile_is_of_what_all_instances_counted_in_the_window() {
    let mut instances = Instances::new(2);
    for second in 0..3 {
        for instance in 0..2 {
            instances.push(instance, at(second), Ok(scrape(1e4 + second as f64 * 100.0, 0.0)), HOUR);
        }
    }
    let latency = |instances: &Instances| read(instances, Signal::Latency(Percentile::P50), 1, at(3)).value;
    assert!((latency(&instances).expect("known") - 0.1).abs() < 1e-9, "half of them within 0.1 s");
    assert_eq!(read(&instances, Signal::Latency(Percentile::P50), 400, at(3)).requests, Some(400));
    assert!(read(&instances, Signal::Latency(Percentile::P50), 400, at(3)).value.is_ok(), "just enough of them");
    // What was counted before counts no more: now all of them take longer.
    let mut slow = Instances::new(1);
    for second in 0..3 {
        let mut scrape = scrape(1e4 + second as f64 * 100.0, 0.0);
        (scrape.buckets[0].1, scrape.buckets[1].1) = (5e3, 9.9e3 + second as f64 * 100.0);
        slow.push(0, at(second), Ok(scrape), HOUR);
    }
    assert!((latency(&slow).expect("known") - 0.15).abs() < 1e-9, "{:?}", latency(&slow));
    // A new version with other bounds: what was counted between the two is in no bucket.
    let mut other = scrape(1e4 + 300.0, 0.0);
    other.buckets[0].0 = 0.05;
    instances.push(0, at(3), Ok(other), HOUR);
    assert!(matches!(latency(&instances), Err(Absence::Missing(_))), "{:?}", latency(&instances));
}

#[test]
fn instances_with_other_buckets_have_no_common_percentile() {
    let mut instances = Instances::new(2);
    for second in 0..3 {
        for instance in 0..2 {
            let mut scrape = scrape(second as f64 * 100.0, 0.0);
            scrape.buckets[0].0 = if instance == 0 { 0.1 } else { 0.05 };
            instances.push(instance, at(second), Ok(scrape), HOUR);
        }
    }
    let value = read(&instances, Signal::Latency(Percentile::P99), 1, at(2)).value;
    assert!(matches!(value, Err(Absence::Unreadable(_))), "{value:?}");
}

/// A rate is growth over the time in which it is known: a counter that began anew is left out with its time.
#[test]
fn a_gauges_rate_is_its_growth_over_the_time_it_is_known_for() {
    let mut instances = Instances::new(2);
    for (second, first, second_instance) in [(0, 10.0, 0.0), (2, 14.0, 1.0), (4, 3.0, 2.0), (6, 9.0, 3.0)] {
        for (instance, value) in [first, second_instance].into_iter().enumerate() {
            let scrape = Scrape { gauges: vec![Ok(value)], ..scrape(1.0, 0.0) };
            instances.push(instance, at(second), Ok(scrape), HOUR);
        }
    }
    for (combine, expected) in [(Combine::Max, 2.5), (Combine::Sum, 3.0)] {
        let (name, metric) = ("restarts".into(), "restarts_total".into());
        let unit = crate::domain::Unit::PerSecond;
        let gauge = crate::plan::Gauge { name, metric, divide_by: None, rate: true, unit, combine };
        let metrics = Metrics { gauges: vec![gauge], ..metrics() };
        let subject = subject(Signal::Gauge("restarts".into()), 0);
        let value = instances.reading(&subject, &metrics, at(6), Freshness::of(Duration::from_secs(2))).value;
        assert!((value.clone().expect("known") - expected).abs() < 1e-9, "{value:?}");
    }
}

#[test]
fn totals_count_each_increase_once_and_know_of_their_gaps() {
    let mut instances = Instances::new(1);
    let totals = |instances: &Instances| (instances.requests_total, instances.errors_total);
    for (second, scraped) in [
        (0, Ok(scrape(1000.0, 10.0))),
        (1, Ok(scrape(1100.0, 12.0))),
        (2, Err(Absence::Unreachable("x".into()))),
        (3, Ok(scrape(1300.0, 17.0))),
    ] {
        instances.push(0, at(second), scraped, HOUR);
    }
    assert_eq!(
        (totals(&instances), instances.totals_have_gaps),
        ((300.0, 7.0), false),
        "a failed scrape loses nothing"
    );
    instances.push(0, at(4), Ok(Scrape { requests: None, ..scrape(0.0, 0.0) }), HOUR);
    assert_eq!((totals(&instances), instances.totals_have_gaps), ((300.0, 7.0), true));
}

#[test]
fn a_reading_is_fresh_for_two_intervals_and_known_for_five() {
    for (interval, late, stale) in [(1, 2, 5), (3, 6, 15)] {
        let limits = Freshness::of(Duration::from_secs(interval));
        assert_eq!((limits.late.as_secs(), limits.stale.as_secs()), (late, stale));
    }
    assert_eq!(Freshness::of(Duration::from_millis(100)).stale, Duration::from_secs(5), "but not less than 5 s");
}

#[test]
fn what_is_kept_of_an_instance_is_bounded() {
    let mut instance = Instance::default();
    for second in 0..100 {
        instance.push(at(second), Ok(scrape(second as f64, 0.0)), Duration::from_secs(10));
    }
    assert_eq!(instance.increases.len(), 10);
    let mut instance = Instance::default();
    for count in 0..SCRAPES_MAX as u64 + 10 {
        instance.push(Mono::from_micros(count), Ok(Scrape::default()), HOUR);
    }
    assert_eq!(instance.increases.len(), SCRAPES_MAX);
}

#[test]
fn the_past_is_never_counted_as_now() {
    // A million good requests long ago; now half of a hundred a second fail. A scrape lacks the family, or a
    // series of it.
    for hole in [None, Some(scrape(1000.0, 0.0))] {
        let mut instances = Instances::new(1);
        for second in 0..8 {
            let now = f64::from(second);
            let whole = scrape(1e6 + now * 100.0, now * 50.0);
            let lacking = hole.clone().unwrap_or(Scrape { requests: None, buckets: vec![], ..whole.clone() });
            let seen = if second == 3 { lacking } else { whole };
            instances.push(0, at(second as u64), Ok(seen), HOUR);
        }
        let reading = read(&instances, Signal::ErrorRatio, 1, at(7));
        match reading.value {
            Ok(ratio) => assert!((ratio - 0.5).abs() < 0.01, "{ratio} of {:?}", reading.requests),
            Err(why) => assert!(hole.is_some(), "{why}"),
        }
        assert!(reading.requests.is_none_or(|requests| requests < 1000), "{:?}", reading.requests);
    }
}

#[test]
fn counters_that_go_down_again_and_again_are_not_one_process() {
    let mut instances = Instances::new(1);
    for second in 0..8_u32 {
        let (a, b) = (scrape(f64::from(second) * 10.0, 0.0), scrape(5000.0 + f64::from(second) * 10.0, 9.0));
        instances.push(0, at(u64::from(second)), Ok(if second % 2 == 0 { a } else { b }), HOUR);
    }
    let value = read(&instances, Signal::ErrorRatio, 1, at(7)).value;
    assert!(matches!(value, Err(Absence::Unreadable(_))), "{value:?}");
}

#[test]
fn an_instance_without_a_histogram_is_not_left_out_of_the_percentile() {
    for bare in [0, 1] {
        let mut instances = Instances::new(2);
        for second in 0..3 {
            for instance in 0..2 {
                let mut scrape = scrape(second as f64 * 100.0, 0.0);
                scrape.buckets.retain(|_| instance != bare);
                instances.push(instance, at(second), Ok(scrape), HOUR);
            }
        }
        let value = read(&instances, Signal::Latency(Percentile::P99), 1, at(2)).value;
        assert!(matches!(value, Err(Absence::Missing(_))), "{value:?}");
    }
}

#[test]
fn one_missing_instance_makes_the_sum_unknown() {
    let mut instances = Instances::new(2);
    for second in 0..3 {
        instances.push(0, at(second), Ok(scrape(second as f64 * 100.0, 0.0)), HOUR);
    }
    assert_eq!(read(&instances, Signal::ErrorRatio, 1, at(2)).value, Err(Absence::NotYet));
    let refused = Absence::Refused("b:1".into());
    instances.push(1, at(2), Err(refused.clone()), HOUR);
    assert_eq!(read(&instances, Signal::ErrorRatio, 1, at(2)).value, Err(refused));
}

#[test]
fn absence_has_its_own_name_each_time() {
    let mut instances = Instances::new(1);
    for second in 0..3 {
        instances.push(0, at(second), Ok(scrape(second as f64 * 10.0, 0.0)), HOUR);
    }
    assert_eq!(read(&instances, Signal::ErrorRatio, 300, at(2)).value, Err(Absence::TooFew { have: 20, need: 300 }));
    assert_eq!(read(&instances, Signal::ErrorRatio, 1, at(60)).value, Err(Absence::Stale(Duration::from_secs(58))));
    let mut idle = Instances::new(1);
    for second in 0..3 {
        idle.push(0, at(second), Ok(scrape(7.0, 0.0)), HOUR);
    }
    assert_eq!(read(&idle, Signal::ErrorRatio, 1, at(2)).value, Err(Absence::NoRequests));
}

#[test]
fn percentiles_interpolate_and_stop_at_the_last_bucket() {
    let buckets = [(0.1, 50.0), (0.2, 99.0), (f64::INFINITY, 100.0)];
    assert!((quantile(&buckets, 0.5).expect("known") - 0.1).abs() < 1e-9);
    assert!((quantile(&buckets, 0.99).expect("known") - 0.2).abs() < 1e-9);
    assert!((quantile(&buckets, 0.745).expect("known") - 0.15).abs() < 1e-9, "in the middle of the second");
    assert!((quantile(&buckets, 0.25).expect("known") - 0.05).abs() < 1e-9, "the first begins at zero");
    assert_eq!(quantile(&buckets, 0.999), Err(Absence::AboveBuckets(0.2)));
    assert_eq!(compare(&Err(Absence::AboveBuckets(0.2)), 0.15), Compared::Over);
    assert_eq!(compare(&Err(Absence::AboveBuckets(0.2)), 0.5), Compared::Unknown);
    assert_eq!(compare(&Ok(f64::NAN), 0.5), Compared::Unknown);
    for counts in [[f64::NAN, 9.0], [1.0, f64::NAN], [f64::NAN; 2], [1.0, f64::INFINITY]] {
        let buckets = [(0.1, counts[0]), (f64::INFINITY, counts[1])];
        assert_eq!(quantile(&buckets, 0.5), Err(Absence::NotANumber), "{counts:?}");
    }
}
