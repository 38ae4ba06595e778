//! The balancer: `POST /api/traffic` and `GET /api/status` are its own, everything else goes to an app.

use super::serve::{self, Answer, json};
use super::{World, url_of};
use crate::domain::{PerRole, Role, Split};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, ETAG, HeaderValue, IF_MATCH};
use hyper::{Method, Request, StatusCode};
use serde_json::{Value, json};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

const BODY_BYTES_MAX: usize = 64 * 1024;

pub(super) struct Proxy {
    world: Arc<World>,
    client: reqwest::Client,
    apps: PerRole<String>,
}

impl Proxy {
    pub fn new(world: Arc<World>, apps: PerRole<SocketAddr>) -> io::Result<Self> {
        let client = reqwest::Client::builder()
            .no_proxy()
            // Loopback and plain HTTP: a machine without any trusted CA has its demo too.
            .tls_certs_only([])
            .http1_only()
            .timeout(Duration::from_secs(10))
            .build()
            .map_err(io::Error::other)?;
        Ok(Self { world, client, apps: PerRole { stable: url_of(apps.stable), candidate: url_of(apps.candidate) } })
    }

    pub async fn serve(self, listener: TcpListener) {
        let proxy = Arc::new(self);
        serve::serve(listener, move |request| {
            let proxy = proxy.clone();
            async move { proxy.answer(request).await }
        })
        .await;
    }

    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let own = matches!(
            (request.method(), request.uri().path()),
            (&Method::POST, "/api/traffic") | (&Method::GET, "/api/status")
        );
        if own && self.world.balancer_fails() {
            return json(StatusCode::SERVICE_UNAVAILABLE, &json!({"error": "the balancer's API is down"}));
        }
        match (request.method(), request.uri().path()) {
            (&Method::GET, "/api/status") => self.status(),
            (&Method::POST, "/api/traffic") => self.set(request).await,
            _ => self.forward(request).await,
        }
    }

    fn status(&self) -> Answer {
        let state = self.world.state();
        let percent = |role| f64::from(state.split.permille_of(role)) / 10.0;
        let mut answer =
            json(StatusCode::OK, &json!({"blue": percent(Role::Stable), "green": percent(Role::Candidate)}));
        if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", state.version)) {
            answer.headers_mut().insert(ETAG, tag);
        }
        answer
    }

    async fn set(&self, request: Request<Incoming>) -> Answer {
        let wanted = request.headers().get(IF_MATCH).cloned();
        let current = format!("\"{}\"", self.world.state().version);
        if wanted.is_some_and(|tag| tag != current.as_str()) {
            return json(
                StatusCode::PRECONDITION_FAILED,
                &json!({"error": "changed since it was read", "etag": current}),
            );
        }
        let refuse = |why: &str| json(StatusCode::BAD_REQUEST, &json!({"error": why}));
        let Ok(body) = Limited::new(request.into_body(), BODY_BYTES_MAX).collect().await else {
            return refuse("the body cannot be read");
        };
        let Ok(body) = serde_json::from_slice::<Value>(&body.to_bytes()) else { return refuse("the body is not JSON") };
        let number = |name: &str| body.get(name).and_then(Value::as_f64);
        let (Some(blue), Some(green)) = (number("blue"), number("green")) else {
            return refuse("blue and green must be numbers");
        };
        let split = Split::from_fraction(green / 100.0).filter(|_| (blue + green - 100.0).abs() < 0.001);
        let Some(split) = split else { return refuse("blue and green must make 100") };
        let delay = self.world.write_delay();
        if delay.is_zero() {
            self.world.set(split);
        } else {
            let world = self.world.clone();
            tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                world.set(split);
            });
        }
        json(StatusCode::OK, &json!({"accepted": true}))
    }

    async fn forward(&self, request: Request<Incoming>) -> Answer {
        let to_candidate = fastrand::f64() < self.world.state().split.fraction();
        let (role, server) = if to_candidate { (Role::Candidate, "green-1") } else { (Role::Stable, "blue-1") };
        let url = format!("{}{}", self.apps[role], request.uri().path_and_query().map_or("/", |path| path.as_str()));
        let bad_gateway = || json(StatusCode::BAD_GATEWAY, &json!({"error": "no server answers"}));
        let method = request.method().clone();
        let Ok(body) = Limited::new(request.into_body(), BODY_BYTES_MAX).collect().await else { return bad_gateway() };
        let Ok(response) = self.client.request(method, url).body(body.to_bytes()).send().await else {
            return bad_gateway();
        };
        let status = response.status();
        let kind = response.headers().get(CONTENT_TYPE).cloned();
        let Ok(body) = response.bytes().await else { return bad_gateway() };
        let mut answer = serve::text(status, "text/plain", body);
        if let Some(kind) = kind {
            answer.headers_mut().insert(CONTENT_TYPE, kind);
        }
        answer.headers_mut().insert("X-Backend-Server", HeaderValue::from_static(server));
        answer
    }
}
