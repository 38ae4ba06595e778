//! A person at the wire of the newest run's keeper, whoever that is by now.

use crate::support::Home;
use warroom::domain::RunId;
use warroom::engine::{Answer, Command};
use warroom::journal::Places;
use warroom::wire::{Client, Introduction, Status};

/// Each question is a connection of its own: the keeper may be another one by then, or none.
pub struct Wire(tokio::runtime::Runtime);

impl Wire {
    pub fn new() -> Self {
        Self(tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime"))
    }

    pub fn ask(&self, home: &Home, command: Command) -> Option<Answer> {
        self.with_client(home, async |client| client.command(command).await.ok())
    }

    pub fn status(&self, home: &Home) -> Option<Box<Status>> {
        self.with_client(home, async |client| client.status().await.ok())
    }

    fn with_client<T>(&self, home: &Home, act: impl AsyncFnOnce(&mut Client) -> Option<T>) -> Option<T> {
        let socket = Places::at(home.state()).socket(&newest(home)?).expect("a short path");
        let introduction = Introduction { name: Some("alice".into()), ..Introduction::default() };
        self.0.block_on(async {
            let mut client = Client::connect(&socket, &introduction).await.ok()?;
            act(&mut client).await
        })
    }
}

/// The newest run, when there is one.
pub fn newest(home: &Home) -> Option<RunId> {
    Places::at(home.state()).runs().expect("readable").into_iter().next()
}
