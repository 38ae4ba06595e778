//! HAProxy's answers: each wanted server once, or words.

use warroom::traffic::servers_state;

const WANTED: [&str; 2] = ["blue1", "green1"];

pub fn body(data: &[u8]) {
    let answer = String::from_utf8_lossy(data);
    match servers_state(&answer, &WANTED) {
        Ok(servers) => {
            assert!(servers.iter().map(|server| server.name.as_str()).eq(WANTED));
            // The whole answer was read: without its end it is another answer.
            let end = answer.trim_end_matches('\n').len() + 1;
            assert!(servers_state(&answer[..end], &WANTED).is_err());
        }
        Err(words) => assert!(!words.as_str().is_empty()),
    }
}
