//! Metrics, health and the dashboard of a process that serves.

mod browser;
mod health;
mod limits;
mod logins;
mod metrics;

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use pgtenant::config::Config;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::proxy::Proxy;
use crate::support::secrets::watch_for;

/// A token of the file with tokens.
const TOKEN: &str = "7d1f0c5e2b9a48639c0e7f31a5d84b26";

/// A file with a token, closed to others.
struct TokenFile {
    path: PathBuf,
    _dir: TempDir,
}

impl TokenFile {
    fn new() -> Self {
        watch_for(TOKEN);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("monitor.tokens");
        fs::write(&path, format!("# since May\n{TOKEN}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        Self { path, _dir: dir }
    }

    /// A monitor with these tokens, on a port of this machine.
    fn watch(&self, config: &mut Config) {
        config.monitor.addresses = vec!["127.0.0.1:0".parse().unwrap()];
        config.monitor.token_file = Some(self.path.clone());
        config.monitor.metrics_tenants = 20;
    }
}

/// An answer.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: ureq::http::HeaderMap,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The cookie that it sets, as a browser would send it back.
    fn cookie(&self) -> &str {
        self.header("set-cookie").split(';').next().unwrap_or_default()
    }
}

fn send(addr: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_global(Some(Duration::from_secs(20)))
        .build()
        .into();
    let mut request = ureq::http::Request::builder().method(method).uri(format!("http://{addr}{path}"));
    for (name, text) in headers {
        request = request.header(*name, *text);
    }
    let mut response = agent.run(request.body(body.to_owned()).unwrap()).expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, body: response.body_mut().read_to_string().unwrap() }
}

fn get(proxy: &Proxy, path: &str) -> Answer {
    send(proxy.monitoring(), "GET", path, &[], "")
}

fn get_with(proxy: &Proxy, path: &str, headers: &[(&str, &str)]) -> Answer {
    send(proxy.monitoring(), "GET", path, headers, "")
}

/// As somebody who may see everything.
fn overview(proxy: &Proxy, query: &str) -> Value {
    let bearer = format!("Bearer {TOKEN}");
    let answer = get_with(proxy, &format!("/v1/overview?{query}"), &[("authorization", &bearer)]);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}
