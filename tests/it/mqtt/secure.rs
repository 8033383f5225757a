//! Passwords, TLS, client certificates and access lists, against a real mosquitto.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use wattsplit::publish::{MqttConfig, TlsConfig};

use super::{STATUS, config, expected, health, measured, probe, publish, topic};
use crate::broker::{Broker, Subscriber, installed};

fn with_password(port: u16, dir: &TempDir, password: &str) -> MqttConfig {
    let file = dir.path().join("client-password");
    std::fs::write(&file, format!("{password}\n")).unwrap();
    MqttConfig { username: Some("site".into()), password_file: Some(file), ..config(port) }
}

fn broker_with_password(dir: &TempDir, more: &str) -> Option<Broker> {
    if !installed("mosquitto_passwd") {
        return None;
    }
    let file = dir.path().join("passwords");
    run("mosquitto_passwd", dir.path(), &["-c", "-b", "passwords", "site", "correct horse"]);
    Broker::start(&format!("allow_anonymous false\npassword_file {}\n{more}", file.display()))
}

#[tokio::test]
async fn a_password_from_a_file_opens_the_broker() {
    let dir = TempDir::new().unwrap();
    let Some(broker) = broker_with_password(&dir, "") else { return };
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let (_handle, _live) = publish(&with_password(broker.port, &dir, "correct horse"), measured().live());
    subscriber.until("the set", |seen| seen.newest == expected(&measured().live())).await;
}

#[tokio::test]
async fn a_wrong_password_is_an_error_that_says_what_to_check_and_not_what_it_was() {
    let dir = TempDir::new().unwrap();
    let Some(broker) = broker_with_password(&dir, "") else { return };
    let config = with_password(broker.port, &dir, "wrong-battery-staple");
    let (handle, _live) = publish(&config, measured().live());
    let health = health(&handle, "refused", |h| h.last_error.is_some()).await;
    let probed = probe(&config).await.unwrap_err().to_string();
    for error in [health.last_error.unwrap(), probed] {
        assert!(error.contains("login refused") && error.contains("mqtt.password_file"), "{error}");
        assert!(!error.contains("staple"), "{error}");
    }
}

#[tokio::test]
async fn an_absent_password_file_is_an_error_before_anything_is_sent() {
    let config = MqttConfig {
        username: Some("site".into()),
        password_file: Some("/nonexistent/secret".into()),
        ..config(1883)
    };
    let error = probe(&config).await.unwrap_err().to_string();
    assert!(error.starts_with("mqtt.password_file: secret file /nonexistent/secret:"), "{error}");
}

#[tokio::test]
async fn a_topic_that_the_access_list_forbids_is_counted_and_the_others_go() {
    let dir = TempDir::new().unwrap();
    let acl = dir.path().join("acl");
    std::fs::write(&acl, "user site\ntopic readwrite wattsplit/#\ntopic deny wattsplit/tx01/split\n")
        .unwrap();
    let Some(broker) = broker_with_password(&dir, &format!("acl_file {}", acl.display())) else { return };
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let (handle, _live) = publish(&with_password(broker.port, &dir, "correct horse"), measured().live());
    let mut rest = expected(&measured().live());
    rest.remove(&topic("split"));
    subscriber.until("all but the split", |seen| seen.newest == rest).await;
    let health = health(&handle, "a refusal", |h| h.rejected > 0).await;
    assert_eq!((health.rejected, health.connects, health.connected), (1, 1, true));
}

/// An authority, a certificate for the broker at 127.0.0.1, and one for a client.
struct Certificates {
    dir: TempDir,
}

impl Certificates {
    fn make() -> Option<Self> {
        if !installed("openssl") {
            return None;
        }
        let dir = TempDir::new().unwrap();
        let made = Self { dir };
        for authority in ["ca", "stranger"] {
            made.openssl(&format!(
                "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
                 -subj /CN={authority} -keyout {authority}.key -out {authority}.pem"
            ));
        }
        made.sign("broker", "subjectAltName=IP:127.0.0.1");
        made.sign("client", "extendedKeyUsage=clientAuth");
        Some(made)
    }

    fn sign(&self, name: &str, extension: &str) {
        std::fs::write(self.path(&format!("{name}.ext")), extension).unwrap();
        self.openssl(&format!(
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={name} \
             -keyout {name}.key -out {name}.csr"
        ));
        self.openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
             -extfile {name}.ext -out {name}.pem"
        ));
    }

    fn openssl(&self, arguments: &str) {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        run("openssl", self.dir.path(), &arguments);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn broker(&self, more: &str) -> Option<Broker> {
        let [ca, cert, key] = ["ca.pem", "broker.pem", "broker.key"].map(|name| self.path(name));
        Broker::start(&format!(
            "allow_anonymous true\ncafile {}\ncertfile {}\nkeyfile {}\n{more}",
            ca.display(),
            cert.display(),
            key.display()
        ))
    }

    fn config(&self, port: u16, authority: &str, client: Option<&str>) -> MqttConfig {
        let tls = TlsConfig {
            ca_file: Some(self.path(&format!("{authority}.pem"))),
            cert_file: client.map(|name| self.path(&format!("{name}.pem"))),
            key_file: client.map(|name| self.path(&format!("{name}.key"))),
        };
        MqttConfig { tls: Some(tls), ..config(port) }
    }
}

pub fn run(program: &str, dir: &Path, arguments: &[&str]) {
    let status = Command::new(program)
        .args(arguments)
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(status.is_ok_and(|status| status.success()), "{program} {arguments:?}");
}

#[tokio::test]
async fn tls_with_the_operators_own_authority_carries_everything() {
    let Some(certificates) = Certificates::make() else { return };
    let Some(broker) = certificates.broker("") else { return };
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let config = certificates.config(broker.port, "ca", None);
    let (handle, _live) = publish(&config, measured().live());
    subscriber.until("the set", |seen| seen.newest == expected(&measured().live())).await;
    let line = probe(&config).await.unwrap();
    assert!(line.contains(", TLS, "), "{line}");
    handle.shutdown().await;
    subscriber.until("offline", |seen| seen.text(STATUS) == Some("offline")).await;
}

#[tokio::test]
async fn a_broker_of_another_authority_is_not_trusted() {
    let Some(certificates) = Certificates::make() else { return };
    let Some(broker) = certificates.broker("") else { return };
    let config = certificates.config(broker.port, "stranger", None);
    let error = probe(&config).await.unwrap_err().to_string();
    assert!(error.contains("TLS") && error.contains("mqtt.tls.ca_file"), "{error}");
}

/// What `openssl req -x509` makes by itself.
#[tokio::test]
async fn a_broker_with_an_authoritys_certificate_as_its_own_is_told_what_to_make() {
    let Some(certificates) = Certificates::make() else { return };
    let [cert, key] = ["ca.pem", "ca.key"].map(|name| certificates.path(name).display().to_string());
    let Some(broker) = Broker::start(&format!("allow_anonymous true\ncertfile {cert}\nkeyfile {key}")) else {
        return;
    };
    let config = certificates.config(broker.port, "ca", None);
    let error = probe(&config).await.unwrap_err().to_string();
    assert!(error.contains("CA:FALSE"), "{error}");
}

#[tokio::test]
async fn a_broker_under_another_name_is_not_trusted() {
    let Some(certificates) = Certificates::make() else { return };
    let Some(broker) = certificates.broker("") else { return };
    let config = MqttConfig { host: "localhost".into(), ..certificates.config(broker.port, "ca", None) };
    let error = probe(&config).await.unwrap_err().to_string();
    assert!(error.contains("TLS") && error.contains("mqtt.host"), "{error}");
}

#[tokio::test]
async fn a_client_certificate_opens_a_broker_that_requires_one() {
    let Some(certificates) = Certificates::make() else { return };
    let Some(broker) = certificates.broker("require_certificate true") else { return };
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let config = certificates.config(broker.port, "ca", Some("client"));
    let (_handle, _live) = publish(&config, measured().live());
    subscriber.until("the set", |seen| seen.newest == expected(&measured().live())).await;

    let without = certificates.config(broker.port, "ca", None);
    let error = probe(&without).await.unwrap_err().to_string();
    assert!(error.contains("mqtt.tls.cert_file"), "{error}");
}

#[tokio::test]
async fn the_wrong_kind_of_port_is_recognised() {
    let Some(certificates) = Certificates::make() else { return };
    let Some(broker) = certificates.broker("") else { return };
    let plain_to_tls = probe(&config(broker.port)).await.unwrap_err().to_string();
    assert!(plain_to_tls.contains("[mqtt.tls]"), "{plain_to_tls}");
    let tls_to_plain = certificates.config(broker.observer_port, "ca", None);
    let error = probe(&tls_to_plain).await.unwrap_err().to_string();
    assert!(error.contains("[mqtt.tls]") || error.contains("mqtt.tls.cert_file"), "{error}");
}
