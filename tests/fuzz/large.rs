//! Inputs as large as the readers take, of the shapes that cost most for each byte.

use warroom::plan::PLAN_BYTES_MAX;
use warroom::probe::EXPOSITION_BYTES_MAX;
use warroom::remote::ANSWER_BYTES_MAX;
use warroom::wire::{FRAME_BYTES_MAX, REQUEST_BYTES_MAX};

/// Target, shape, input.
pub fn inputs() -> impl Iterator<Item = (&'static str, &'static str, Vec<u8>)> {
    expositions().chain(haproxy()).chain(percent()).chain(plans()).chain(wire())
}

type Shape = (&'static str, fn(usize) -> Vec<u8>);

fn of(
    target: &'static str,
    bytes: usize,
    shapes: &'static [Shape],
) -> impl Iterator<Item = (&'static str, &'static str, Vec<u8>)> {
    shapes.iter().map(move |(shape, make)| (target, *shape, make(bytes)))
}

/// Pieces by their number until there are so many bytes; the last piece is whole.
fn pieces(bytes: usize, piece: impl Fn(usize) -> String) -> String {
    let mut text = String::with_capacity(bytes);
    for number in 0.. {
        let next = piece(number);
        if text.len() + next.len() > bytes {
            break;
        }
        text.push_str(&next);
    }
    text
}

fn expositions() -> impl Iterator<Item = (&'static str, &'static str, Vec<u8>)> {
    of(
        "exposition",
        EXPOSITION_BYTES_MAX,
        &[
            ("series of a wanted family", |n| {
                pieces(n, |i| format!("http_requests_total{{a=\"{i:x}\",status=\"200\"}} 1\n")).into()
            }),
            ("shortest series of a wanted gauge", |n| {
                pieces(n, |i| format!("process_resident_memory_bytes{{a=\"{i:x}\"}} 1\n")).into()
            }),
        ],
    )
    .chain(of(
        "exposition",
        // A quarter is enough to see a shape that costs more than its size.
        EXPOSITION_BYTES_MAX / 4,
        &[
            ("buckets of endless bounds", |n| {
                pieces(n, |i| format!("http_request_duration_seconds_bucket{{le=\"{i}\"}} {i}\n")).into()
            }),
            ("families nobody wants", |n| pieces(n, |i| format!("x{i:x} 1\n")).into()),
            ("one endless line", |n| vec![b'a'; n]),
            ("one endless label", |n| format!("a{{b=\"{}\"}} 1\n", "\\\\".repeat(n / 2 - 8)).into()),
            ("labels without end", |n| format!("a{{{}}} 1\n", pieces(n - 8, |_| "a=\"\",".to_owned())).into()),
            ("blank lines", |n| vec![b'\n'; n]),
            ("not UTF-8 at its end", |n| [vec![b'#'; n - 1], vec![0xff]].concat()),
        ],
    ))
}

fn haproxy() -> impl Iterator<Item = (&'static str, &'static str, Vec<u8>)> {
    const HEADER: &str = "1\n# srv_name srv_op_state srv_admin_state srv_uweight srv_iweight\n";
    of(
        "haproxy",
        ANSWER_BYTES_MAX,
        &[
            ("servers of another name", |n| {
                format!("{HEADER}{}\n", pieces(n - 100, |i| format!("{i:x} 2 0 1 1\n"))).into()
            }),
            ("one endless server line", |n| format!("{HEADER}blue1{}\n\n", " 1".repeat(n / 2 - 100)).into()),
            ("columns without end", |n| format!("1\n# {}\n\n", "a ".repeat(n / 2 - 100)).into()),
            ("blank lines", |n| format!("1\n{}", "\n".repeat(n - 2)).into()),
            ("bytes that are no text", |n| vec![0xff; n]),
        ],
    )
}

fn percent() -> impl Iterator<Item = (&'static str, &'static str, Vec<u8>)> {
    of(
        "percent",
        ANSWER_BYTES_MAX,
        &[
            ("a list of zeros beside", |n| {
                format!("{{\"blue\":99,\"green\":1,\"x\":[{}0]}}", "0,".repeat(n / 2 - 40)).into()
            }),
            ("fields without end", |n| {
                format!("{{\"blue\":99,\"green\":1{}}}", pieces(n - 40, |i| format!(",\"{i:x}\":[]"))).into()
            }),
            ("the same field without end", |n| format!("{{{}\"blue\":1}}", "\"blue\":99,".repeat(n / 10 - 40)).into()),
            ("lists in lists", |n| "[".repeat(n).into()),
            ("objects in objects", |n| "{\"blue\":".repeat(n / 8).into()),
            ("one endless text", |n| format!("{{\"blue\":\"{}\"}}", "\\n".repeat(n / 2 - 40)).into()),
            ("one endless number", |n| format!("{{\"blue\":{}}}", "9".repeat(n - 40)).into()),
        ],
    )
}

fn plans() -> impl Iterator<Item = (&'static str, &'static str, Vec<u8>)> {
    of(
        "plan",
        PLAN_BYTES_MAX as usize,
        &[
            ("unknown keys", |n| pieces(n, |i| format!("a{i:x}=0\n")).into()),
            ("empty steps", |n| "[[steps]]\n".repeat(n / 10).into()),
            ("lines that are not TOML", |n| "=\n".repeat(n / 2).into()),
            ("lists in lists", |n| format!("a={}", "[".repeat(n - 2)).into()),
            ("tables in tables", |n| "{a=".repeat(n / 3).into()),
            ("one endless dotted key", |n| format!("{}a=1", "a.".repeat(n / 2 - 2)).into()),
            ("a list of zeros", |n| format!("steps=[{}]", "0,".repeat(n / 2 - 5)).into()),
            ("metrics without end", |n| {
                format!("[environments.stable]\nmetrics=[{}]", pieces(n - 40, |i| format!("\"http://{i:x}\","))).into()
            }),
            ("one endless text", |n| format!("name=\"{}\"", "x".repeat(n - 10)).into()),
            ("one endless comment", |n| "#".repeat(n).into()),
        ],
    )
}

fn wire() -> impl Iterator<Item = (&'static str, &'static str, Vec<u8>)> {
    of(
        "wire",
        REQUEST_BYTES_MAX - 5,
        &[
            ("a request with a list of zeros", |n| {
                frame(0, &format!("{{\"x\":[{}0],\"ask\":\"status\"}}", "0,".repeat(n / 2 - 40)))
            }),
            ("a note without end", |n| {
                frame(
                    0,
                    &format!(
                        "{{\"ask\":\"command\",\"id\":1,\"command\":{{\"note\":{{\"text\":\"{}\"}}}}}}",
                        "x".repeat(n - 99)
                    ),
                )
            }),
            ("requests without end", |n| frame(0, "{\"ask\":\"status\"}").repeat(n / 22)),
        ],
    )
    .chain(of(
        "wire",
        FRAME_BYTES_MAX - 5,
        &[
            ("an answer with a list of zeros", |n| {
                frame(1, &format!("{{\"x\":[{}0],\"is\":\"refused\",\"why\":\"\"}}", "0,".repeat(n / 2 - 40)))
            }),
            ("a status with a list of zeros", |n| {
                frame(1, &format!("{{\"is\":\"status\",\"x\":[{}0]}}", "0,".repeat(n / 2 - 40)))
            }),
            ("an answer of endless reasons", |n| {
                frame(
                    1,
                    &format!(
                        "{{\"is\":\"answer\",\"id\":1,\"answer\":{{\"refused\":[{}\"\"]}}}}",
                        "\"\",".repeat(n / 3 - 40)
                    ),
                )
            }),
        ],
    ))
}

/// The side it goes to, its length and its words.
fn frame(side: u8, words: &str) -> Vec<u8> {
    let length = u32::try_from(words.len()).expect("a frame's length");
    [&[side][..], &length.to_be_bytes(), words.as_bytes()].concat()
}
