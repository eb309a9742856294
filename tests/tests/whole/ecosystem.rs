//! A real Prometheus scrapes us, a real Alertmanager takes our alerts and routes them on.
//!
//! Both are Debian packages, which `cargo xtask test` installs.

use crate::{
    binary::{Server, request},
    deliveries::{Receiver, orders},
    objectives::wait,
};
use serde_json::Value;
use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
};

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

fn start(program: &str, arguments: &[String], folder: &Path) -> Running {
    let child = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    Running(child.unwrap_or_else(|error| {
        panic!(
            "{program}: {error}: install the Debian package {program}, as `cargo xtask test` does"
        )
    }))
}

fn ask(port: u16, target: &str) -> Option<Value> {
    let (status, body) = request(&format!("127.0.0.1:{port}"), "GET", target, "", b"")?;
    (status == 200).then(|| serde_json::from_slice(&body).ok())?
}

fn is_up(port: u16) -> bool {
    let answer = request(&format!("127.0.0.1:{port}"), "GET", "/-/ready", "", b"");
    answer.is_some_and(|(status, _)| status == 200)
}

#[test]
fn prometheus_scrapes_our_series() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    orders(data, true);
    let server = Server::start(data);
    let config = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: inquest\n  static_configs: [{{targets: ['{}']}}]\n",
        server.api
    );
    std::fs::write(data.join("prometheus.yml"), config).expect("written");
    let port = free();
    let arguments = [
        format!("--config.file={}", data.join("prometheus.yml").display()),
        format!("--storage.tsdb.path={}", data.join("tsdb").display()),
        format!("--web.listen-address=127.0.0.1:{port}"),
    ];
    let _prometheus = start("prometheus", &arguments, data);
    wait("Prometheus", || is_up(port));
    let value = |query: &str| {
        let answer = ask(port, &format!("/api/v1/query?query={query}"))?;
        let text = answer["data"]["result"][0]["value"][1].as_str()?.to_owned();
        text.parse::<f64>().ok()
    };
    wait("the objective", || {
        value("slo:objective:ratio") == Some(0.99)
    });
    wait("the alert", || {
        value("inquest_alert_firing%7Bseverity=%22page%22%7D") == Some(1.0)
    });
    assert_eq!(value("up"), Some(1.0));
    server.terminate();
}

#[test]
fn alertmanager_takes_our_alerts_and_routes_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let receiver = Receiver::start(&[]);
    let config = format!(
        "route: {{receiver: hook, group_by: [slo], group_wait: 1s, group_interval: 1s, repeat_interval: 1h}}\n\
         receivers:\n- name: hook\n  webhook_configs: [{{url: 'http://127.0.0.1:{}/', send_resolved: true}}]\n",
        receiver.port
    );
    std::fs::write(data.join("alertmanager.yml"), config).expect("written");
    let port = free();
    let arguments = [
        format!("--config.file={}", data.join("alertmanager.yml").display()),
        format!("--storage.path={}", data.join("alertmanager").display()),
        format!("--web.listen-address=127.0.0.1:{port}"),
        "--cluster.listen-address=".to_owned(),
    ];
    let _alertmanager = start("prometheus-alertmanager", &arguments, data);
    wait("Alertmanager", || is_up(port));
    let receivers = format!(
        "[[receiver]]\nname = 'am'\nformat = 'alertmanager-api'\nurl = 'http://127.0.0.1:{port}/api/v2/alerts'\n\
         allow = ['127.0.0.1:{port}']\nseverities = ['page']\n"
    );
    std::fs::write(data.join("receivers.toml"), receivers).expect("written");
    orders(data, true);
    let server = Server::start(data);
    let routed = |status: &str| {
        let taken = receiver.taken();
        let fits =
            |it: &&Value| it["status"] == status && it["alerts"][0]["labels"]["slo"] == "orders";
        taken.iter().find(fits).cloned()
    };
    wait("the alert, routed", || routed("firing").is_some());
    let alert = routed("firing").expect("routed")["alerts"][0].clone();
    assert_eq!(alert["labels"]["alertname"], "SLOBurn");
    assert_eq!(alert["labels"]["severity"], "page");
    assert!(
        alert["annotations"]["description"]
            .as_str()
            .is_some_and(|it| it.contains("burn")),
        "{alert}"
    );
    std::fs::remove_file(data.join("slo/orders.yaml")).expect("removed");
    wait("its end, routed", || routed("resolved").is_some());
    server.terminate();
}
