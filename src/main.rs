//! Parses, runs, exits with the true code; nothing else.

fn main() {}
