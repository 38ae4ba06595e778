//! One list of cases that every driver passes before its live counterpart.
//!
//! `contract` asks the driver alone, `cutover` the real binary over it. Each case is written once; each driver's bench
//! says what its counterpart is, how to see its truth past the driver, and what can be made to go wrong before it.

#![expect(clippy::disallowed_methods, reason = "a test has clocks and threads of its own")]
#![allow(clippy::float_cmp, reason = "what was set is read back exactly")]

mod support;

#[path = "conformance/alb.rs"]
mod alb_bench;
#[path = "conformance/bench.rs"]
mod bench;
#[path = "conformance/command.rs"]
mod command_bench;
#[path = "conformance/contract.rs"]
mod contract;
#[path = "conformance/cutover.rs"]
mod cutover;
#[path = "conformance/door.rs"]
mod door;
#[path = "conformance/haproxy.rs"]
mod haproxy_bench;
#[path = "conformance/http.rs"]
mod http_bench;

/// A test of each case, named `DRIVER::CASE`.
macro_rules! conforms {
    ($driver:ident: $bench:ty) => {
        conforms! {
            $driver: $bench;
            set_and_read_back: contract::set_and_read_back,
            idempotent: contract::idempotent,
            out_of_range: contract::out_of_range,
            lost_answer: contract::lost_answer,
            lost_race: contract::lost_race,
            half_applied: contract::half_applied,
            hung: contract::hung,
            nothing_listens: contract::nothing_listens,
            late_write: cutover::late_write,
            foreign_change: cutover::foreign_change,
            half_applied_step: cutover::half_applied,
            rollback_during_a_hung_write: cutover::hung_write,
        }
    };
    ($driver:ident: $bench:ty; $($name:ident: $level:ident::$case:ident,)+) => {
        mod $driver {
            $(
                #[test]
                fn $name() {
                    super::$level::$case::<$bench>();
                }
            )+
        }
    };
}

conforms!(http: crate::http_bench::Http);
conforms!(haproxy: crate::haproxy_bench::Haproxy);
conforms!(alb: crate::alb_bench::Alb);
conforms!(command: crate::command_bench::Command);
