//! Other consoles that ask the keeper for something a thousand times a second.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use warroom::engine::Command;
use warroom::wire::{Client, Introduction};

/// What all of them ask together, where the machine has the time for it.
const EVENTS_A_SECOND: u32 = 1000;
/// How many they are: each waits for its answer before it asks again, and so could not ask as often alone.
const CLIENTS: u32 = 8;

/// They ask until they are told to stop.
pub struct Crowd {
    over: Arc<AtomicBool>,
    asking: JoinHandle<Asked>,
}

/// How much was asked, in how long.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked {
    /// Only what was answered.
    pub times: u32,
    pub lasting: Duration,
}

impl Asked {
    pub fn a_second(self) -> f64 {
        f64::from(self.times) / self.lasting.as_secs_f64()
    }

    pub fn and(self, more: Self) -> Self {
        Self { times: self.times + more.times, lasting: self.lasting + more.lasting }
    }
}

impl Crowd {
    pub fn start(socket: &Path) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (socket, ends) = (socket.to_owned(), over.clone());
        Self { over, asking: std::thread::spawn(move || ask_all(&socket, &ends)) }
    }

    /// Stops them; what they asked.
    pub fn stop(self) -> Asked {
        self.over.store(true, Ordering::SeqCst);
        self.asking.join().expect("the crowd")
    }
}

fn ask_all(socket: &Path, over: &Arc<AtomicBool>) -> Asked {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let began = Instant::now();
    let times = runtime.block_on(async {
        let mut asking = JoinSet::new();
        for _ in 0..CLIENTS {
            asking.spawn(ask(socket.to_owned(), over.clone()));
        }
        asking.join_all().await.into_iter().sum()
    });
    Asked { times, lasting: began.elapsed() }
}

/// Asks for what is refused, so that nothing changes; how often it was answered.
async fn ask(socket: PathBuf, over: Arc<AtomicBool>) -> u32 {
    let introduction = Introduction { name: Some("crowd".into()), ..Introduction::default() };
    let mut client = Client::connect(&socket, &introduction).await.expect("the keeper answers");
    let (began, mut asked, mut answered) = (Instant::now(), 0, 0);
    while !over.load(Ordering::SeqCst) {
        let due = f64::from(EVENTS_A_SECOND / CLIENTS) * began.elapsed().as_secs_f64();
        if f64::from(asked) < due {
            asked += 1;
            answered += u32::from(client.command(Command::Unsuspend).await.is_ok());
        } else {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    answered
}
