//! Bytes on the socket, to a keeper and to a console; and what a console draws of a status it was told.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::sync::OnceLock;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::runtime::Runtime;
use warroom::console::desk::{Desk, Input};
use warroom::console::screen::{self, Look, Theme, View};
use warroom::domain::Rights;
use warroom::wire::{Connection, FRAME_BYTES_MAX, FromKeeper, REQUEST_BYTES_MAX, Status, ToKeeper, encode};

pub fn body(data: &[u8]) {
    let Some((side, stream)) = data.split_first() else { return };
    if side % 2 == 0 {
        for message in messages::<ToKeeper>(stream, REQUEST_BYTES_MAX) {
            let again: ToKeeper = serde_json::from_slice(&encode(&message)).expect("our own words");
            assert_eq!(again, message);
        }
    } else {
        for message in messages::<FromKeeper>(stream, FRAME_BYTES_MAX) {
            if let FromKeeper::Status(status) = message {
                draw(&status);
            }
        }
    }
}

/// Every message up to the first that is none.
fn messages<T: for<'de> serde::Deserialize<'de>>(stream: &[u8], bytes_max: usize) -> Vec<T> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime for one thread")
    });
    runtime.block_on(async {
        let (ours, mut theirs) = UnixStream::pair().expect("a pair of sockets");
        let mut connection = Connection::new(ours, bytes_max);
        let send = async {
            // A reader that has seen enough closes.
            let _ = theirs.write_all(stream).await;
            drop(theirs);
        };
        let receive = async {
            let mut messages = Vec::new();
            while let Ok(Some(message)) = connection.next::<T>().await {
                messages.push(message);
            }
            drop(connection);
            messages
        };
        tokio::join!(send, receive).1
    })
}

fn draw(status: &Status) {
    let mut desk = Desk::new(1);
    let now = status.snapshot.mono;
    for input in [Input::Linked(true), Input::Heard, Input::Tick] {
        desk.handle(input, now, Some(status), Rights::Full);
    }
    for (width, height) in [(40, 8), (80, 24), (120, 40)] {
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        let view = View {
            status: Some(status),
            desk: &desk,
            rights: Rights::Full,
            now,
            wall: status.snapshot.wall,
            help: None,
        };
        screen::render(&mut buffer, &view, Look { theme: Theme::Dark, ascii: false });
        let whole = buffer.content.iter().all(|cell| !cell.symbol().chars().any(char::is_control));
        assert!(whole, "a control character would reach the terminal");
    }
}
