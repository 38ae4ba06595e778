//! The users: requests through the proxy at a steady rate.

use super::url_of;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Requests under way at once; beyond this users would queue, and so does the generator.
const UNDER_WAY_MAX: usize = 256;
/// Time between two bursts.
const TURN: Duration = Duration::from_millis(20);

/// Sends `rate` requests a second for ever.
pub(super) fn run(proxy: SocketAddr, rate: f64) -> io::Result<impl Future<Output = ()>> {
    let client = reqwest::Client::builder()
        .no_proxy()
        // Loopback and plain HTTP: a machine without any trusted CA has its demo too.
        .tls_certs_only([])
        .http1_only()
        .timeout(Duration::from_secs(5))
        .build()
        .map_err(io::Error::other)?;
    let url = format!("{}/orders", url_of(proxy));
    Ok(async move {
        let places = Arc::new(Semaphore::new(UNDER_WAY_MAX));
        let mut ticks = tokio::time::interval(TURN);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut owed = 0.0;
        loop {
            ticks.tick().await;
            owed += rate * TURN.as_secs_f64();
            while owed >= 1.0 {
                owed -= 1.0;
                let Ok(place) = places.clone().try_acquire_owned() else { continue };
                let (client, url) = (client.clone(), url.clone());
                tokio::spawn(async move {
                    if let Ok(response) = client.get(url).send().await {
                        let _ = response.bytes().await;
                    }
                    drop(place);
                });
            }
        }
    })
}
