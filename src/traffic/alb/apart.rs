//! What the SDK does as if no disk ever hung: it reads the shared files where it is asked for them.

use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// The end of something on a thread of its own. It goes on whether anybody waits for it or not.
#[derive(Clone)]
pub(super) struct Ending(watch::Receiver<()>);

/// Does something on a thread and a runtime of its own. Where there is no thread to be had, it has ended at once.
pub(super) fn apart<F: Future<Output = ()>>(work: impl FnOnce() -> F + Send + 'static) -> Ending {
    let (under_way, ending) = watch::channel(());
    let work = move || {
        match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => {
                runtime.block_on(work());
                // A name that is still being looked up is not waited for.
                runtime.shutdown_background();
            }
            Err(error) => tracing::warn!(%error, "no runtime for what may hang"),
        }
        drop(under_way);
    };
    if let Err(error) = std::thread::Builder::new().name("aws".into()).spawn(work) {
        tracing::warn!(%error, "no thread for what may hang");
    }
    Ending(ending)
}

impl Ending {
    pub fn is_to_come(&self) -> bool {
        self.0.has_changed().is_ok()
    }

    /// Whether it came within this time.
    pub async fn comes(mut self, within: Duration) -> bool {
        // Nothing is ever sent: the channel closes.
        timeout(within, self.0.changed()).await.is_ok()
    }
}
