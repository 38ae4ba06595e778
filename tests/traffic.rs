//! The drivers against servers that misbehave on purpose, each on a loopback port of its own.

#![expect(clippy::disallowed_methods, reason = "a test has clocks and threads of its own")]

mod support;

#[path = "traffic/fakes.rs"]
mod fakes;
#[path = "traffic/haproxy.rs"]
mod haproxy;
#[path = "traffic/http.rs"]
mod http;
#[path = "traffic/renewed.rs"]
mod renewed;
