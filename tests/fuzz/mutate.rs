//! Mutations of a corpus: the same for the same seed.

use fastrand::Rng;

/// Longest mutated input: the short test is for shapes, `large.rs` for sizes.
const BYTES_MAX: usize = 64 * 1024;

/// Words that the readers know, or that readers are known to stumble over.
const WORDS: &str = r#"{ } [ ] [[ ]] " \ \" , : = ''' -1 0 1e308 1e-400 18446744073709551615 -9223372036854775808
    9007199254740993 NaN +Inf null true "100_%" "10m" 1979-05-27 #_EOF #_{}_1 {"secs":18446744073709551615,"nanos":999999999}"#;
/// And what is no word.
const MARKS: [&[u8]; 8] = [b"\n", b"\n\n", b"\r\n", b"\t", b"\0", b"\xff", b"\xe2\x80\xae", b"\x1b[31m"];

/// One to eight changes of one input of the corpus.
pub fn mutated(corpus: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
    let mut data = corpus[rng.usize(..corpus.len())].clone();
    for _ in 0..rng.usize(1..=8) {
        change(&mut data, corpus, rng);
    }
    data.truncate(BYTES_MAX);
    data
}

fn change(data: &mut Vec<u8>, corpus: &[Vec<u8>], rng: &mut Rng) {
    let at = rng.usize(..=data.len());
    let until = rng.usize(at..=data.len()).min(at + rng.usize(..64));
    match rng.u8(..10) {
        0 => {
            if let Some(byte) = data.get_mut(at) {
                *byte ^= 1 << rng.u8(..8);
            }
        }
        1 => {
            if let Some(byte) = data.get_mut(at) {
                *byte = rng.u8(..);
            }
        }
        2 => drop(data.drain(at..until)),
        3 => data.truncate(at),
        4 => drop(data.splice(at..at, MARKS[rng.usize(..MARKS.len())].iter().copied())),
        5 => {
            let words: Vec<&str> = WORDS.split_whitespace().collect();
            data.splice(at..at, words[rng.usize(..words.len())].replace('_', " ").into_bytes());
        }
        6 => {
            let block = data[at..until].repeat(rng.usize(1..20));
            data.splice(at..at, block);
        }
        7 => {
            let other = &corpus[rng.usize(..corpus.len())];
            let from = rng.usize(..=other.len());
            let part = &other[from..(from + 200).min(other.len())];
            data.splice(at..until, part.iter().copied());
        }
        8 => replace_number(data, at, rng),
        _ => {
            // Two lines change places.
            let mut lines: Vec<&[u8]> = data.split_inclusive(|byte| *byte == b'\n').collect();
            if lines.len() > 1 {
                let (a, b) = (rng.usize(..lines.len()), rng.usize(..lines.len()));
                lines.swap(a, b);
                *data = lines.concat();
            }
        }
    }
}

/// The next number becomes another one: lengths, times and counts are where arithmetic is.
fn replace_number(data: &mut Vec<u8>, at: usize, rng: &mut Rng) {
    let Some(from) = data[at..].iter().position(u8::is_ascii_digit).map(|found| at + found) else { return };
    let length = data[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = match rng.u8(..4) {
        0 => rng.u64(..).to_string(),
        1 => rng.u64(..1000).to_string(),
        2 => (u64::MAX >> rng.u32(..64)).to_string(),
        _ => format!("{}e{}", rng.u8(..10), rng.u16(..400)),
    };
    data.splice(from..from + length, number.into_bytes());
}
