//! What sources look with: there before the run begins, or as soon as it can be.

use super::patience::{PROBES, bounded};
use crate::domain::Clean;
use crate::remote::SetupError;
use std::sync::Arc;
use std::time::Duration;

/// How long one probe may take to be made: each of its files is waited for a second, and few have more than one.
const MAKE_WAIT: Duration = Duration::from_secs(5);

/// A probe, or what makes it.
#[derive(Clone)]
pub enum Probe<P> {
    Made(P),
    Due(Arc<dyn Fn() -> Result<P, SetupError> + Send + Sync>),
}

impl<P: Clone + Send + 'static> Probe<P> {
    /// Who begins a run is told what its plan asks for and this machine does not have. A run that goes on may have
    /// something to roll back: it goes on without, and what cannot look yet has no reading.
    pub fn new(
        goes_on: bool,
        make: impl Fn() -> Result<P, SetupError> + Send + Sync + 'static,
    ) -> Result<Self, SetupError> {
        if goes_on { Ok(Self::Due(Arc::new(make))) } else { make().map(Self::Made) }
    }

    /// The probe, or why there is none yet.
    pub async fn made(&self) -> Result<P, Clean> {
        let make = match self {
            Self::Made(probe) => return Ok(probe.clone()),
            Self::Due(make) => make.clone(),
        };
        match bounded(&PROBES, MAKE_WAIT, move || make()).await {
            Some(made) => made.map_err(|error| Clean::new(error.to_string())),
            None => Err("what it needs is on a disk that does not answer".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::SetupTrouble;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn later(tries: usize) -> impl Fn() -> Result<usize, SetupError> + Send + Sync {
        let tried = AtomicUsize::new(0);
        move || match tried.fetch_add(1, Ordering::Relaxed) + 1 {
            nth if nth < tries => {
                let why = SetupTrouble::Value { header: "Authorization".to_owned(), why: "no variable".to_owned() };
                Err(SetupError { place: "blue".into(), why })
            }
            nth => Ok(nth),
        }
    }

    #[tokio::test]
    async fn a_run_that_begins_needs_it_at_once_and_one_that_goes_on_waits_for_it() {
        let error = Probe::new(false, later(2)).err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some("blue: header Authorization: no variable"));
        let probe = Probe::new(true, later(2)).expect("it goes on without");
        assert_eq!(probe.made().await, Err("blue: header Authorization: no variable".into()));
        assert_eq!(probe.made().await, Ok(2));
    }
}
