pub mod exposition { pub fn body(_: &[u8]) {} }
