//! Wall power of a server, from a management controller on loopback.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use wattsplit::http::Http;
use wattsplit::reading::{Missing, Quality, Read, Sample};
use wattsplit::sources::gpu::redfish::WallSource;
use wattsplit::sources::{Failure, Source};
use wattsplit::units::Watts;

use super::host_config;
use crate::broker::installed;
use crate::fake_http::{FakeHttp, Reply, Request, moment};

const SESSIONS: &str = "/redfish/v1/SessionService/Sessions";
const METRICS: &str = "/redfish/v1/Chassis/Self/EnvironmentMetrics";

fn source(dir: &TempDir, url: &str, more: &str) -> WallSource {
    let password = dir.path().join("bmc-password");
    std::fs::write(&password, "hunter2\n").unwrap();
    let config = host_config(&format!(
        "name = \"rack\"\nhosting = \"ai\"\nread = \"dcgm\"\n[bmc]\nurl = \"{url}\"\n\
         username = \"reader\"\npassword_file = {password:?}\n{more}"
    ));
    WallSource::new(&config.name, &config.bmc.unwrap(), &Http::new().unwrap()).unwrap()
}

async fn power(source: &mut WallSource) -> Result<Read<Watts>, Failure> {
    let samples = source.fetch(moment(0)).await?;
    match <[Sample; 1]>::try_from(samples) {
        Ok([Sample::WallPower(wall)]) => Ok(wall.power),
        other => panic!("expected one wall power: {other:?}"),
    }
}

fn watts(watts: f64) -> Watts {
    Watts::new(watts).unwrap()
}

fn created() -> Reply {
    let headers =
        vec![("X-Auth-Token", "t0ken".to_owned()), ("Location", format!("https://bmc.local{SESSIONS}/9"))];
    Reply::Status(201, headers, "{}")
}

fn not_found() -> Reply {
    Reply::Status(404, vec![], "{}")
}

fn chassis(ids: &[&str]) -> Reply {
    let member = |id: &&str| format!("{{\"@odata.id\":\"/redfish/v1/Chassis/{id}\"}}");
    Reply::Ok(format!("{{\"Members\":[{}]}}", ids.iter().map(member).collect::<Vec<_>>().join(",")))
}

/// A controller of one chassis with both schemas.
fn modern(request: &Request) -> Reply {
    match request.line.as_str() {
        line if line == format!("POST {SESSIONS}") => created(),
        line if line == format!("DELETE {SESSIONS}/9") => Reply::Ok("{}".into()),
        _ if request.header("x-auth-token") != Some("t0ken") => Reply::Status(401, vec![], "{}"),
        "GET /redfish/v1/Chassis" => chassis(&["Self"]),
        "GET /redfish/v1/Chassis/Self" => Reply::Ok(format!(
            "{{\"EnvironmentMetrics\":{{\"@odata.id\":\"{METRICS}\"}},\
             \"Power\":{{\"@odata.id\":\"/redfish/v1/Chassis/Self/Power\"}}}}"
        )),
        line if line == format!("GET {METRICS}") => Reply::Ok(r#"{"PowerWatts":{"Reading":6400.5}}"#.into()),
        _ => not_found(),
    }
}

#[tokio::test]
async fn the_place_of_the_power_is_looked_for_once_and_the_session_is_ended() {
    let dir = TempDir::new().unwrap();
    let server = FakeHttp::start(modern).await;
    let mut source = source(&dir, &server.url, "");
    let read = power(&mut source).await.unwrap().unwrap();
    assert_eq!((read.value, read.quality), (watts(6400.5), Quality::Measured));
    assert_eq!(power(&mut source).await.unwrap().unwrap().value, watts(6400.5));
    source.close().await;
    let expected = [
        format!("POST {SESSIONS}"),
        "GET /redfish/v1/Chassis".to_owned(),
        "GET /redfish/v1/Chassis/Self".to_owned(),
        format!("GET {METRICS}"),
        format!("GET {METRICS}"),
        format!("GET {METRICS}"),
        format!("DELETE {SESSIONS}/9"),
    ];
    assert_eq!(server.lines(), expected);
    let seen = server.seen();
    assert_eq!(seen[0].body, r#"{"Password":"hunter2","UserName":"reader"}"#);
    assert!(
        seen[1..].iter().all(|request| request.header("authorization").is_none() && request.body.is_empty())
    );
}

#[tokio::test]
async fn a_controller_without_sessions_and_metrics_is_read_with_basic_auth_and_power_control() {
    let dir = TempDir::new().unwrap();
    let server = FakeHttp::start(|request| match request.line.as_str() {
        line if line == format!("POST {SESSIONS}") => Reply::Status(405, vec![], ""),
        _ if request.header("authorization") != Some("Basic cmVhZGVyOmh1bnRlcjI=") => {
            Reply::Status(401, vec![], "")
        }
        "GET /redfish/v1/Chassis" => chassis(&["1"]),
        "GET /redfish/v1/Chassis/1" => {
            Reply::Ok(r#"{"Power":{"@odata.id":"/redfish/v1/Chassis/1/Power/"}}"#.into())
        }
        "GET /redfish/v1/Chassis/1/Power" => {
            Reply::Ok(r#"{"PowerControl":[{"PowerConsumedWatts":590}]}"#.into())
        }
        _ => not_found(),
    })
    .await;
    let mut source = source(&dir, &server.url, "");
    assert_eq!(power(&mut source).await.unwrap().unwrap().value, watts(590.0));
    source.close().await;
    assert!(server.lines().iter().all(|line| !line.starts_with("DELETE")), "there is no session to end");
}

#[tokio::test]
async fn a_session_that_has_ended_is_renewed_once() {
    let dir = TempDir::new().unwrap();
    let logins = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&logins);
    let server = FakeHttp::start(move |request| {
        if request.line.starts_with("POST") {
            count.fetch_add(1, Ordering::SeqCst);
        } else if request.line == format!("GET {METRICS}") && count.load(Ordering::SeqCst) == 1 {
            return Reply::Status(401, vec![], "");
        }
        modern(request)
    })
    .await;
    let mut source = source(&dir, &server.url, "");
    assert_eq!(power(&mut source).await.unwrap().unwrap().value, watts(6400.5));
    assert_eq!(logins.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_refused_login_is_told_without_what_was_sent_and_not_tried_again_soon() {
    let dir = TempDir::new().unwrap();
    let server = FakeHttp::always(Reply::Status(401, vec![], "no such password: hunter2")).await;
    let failure = power(&mut source(&dir, &server.url, "")).await.unwrap_err();
    assert_eq!(failure.reason, Missing::Denied);
    assert!(failure.retry_after.is_some_and(|wait| wait.as_secs() >= 900));
    assert!(failure.detail.contains("login") && !failure.detail.contains("hunter2"), "{}", failure.detail);
    assert_eq!(server.lines(), [format!("POST {SESSIONS}")]);
}

/// A server, its board of GPUs, and a chassis that is off.
fn several(request: &Request) -> Reply {
    let reading = |watts: &str| Reply::Ok(format!("{{\"PowerWatts\":{{\"Reading\":{watts}}}}}"));
    match request.line.strip_prefix("GET /redfish/v1/Chassis").unwrap_or("none") {
        "none" => created(),
        "" => chassis(&["Tray", "HGX", "Riser"]),
        "/Tray/EnvironmentMetrics" => reading("6900"),
        "/HGX/EnvironmentMetrics" => reading("5100"),
        "/Riser/EnvironmentMetrics" => reading("0"),
        path => Reply::Ok(format!(
            "{{\"EnvironmentMetrics\":{{\"@odata.id\":\"/redfish/v1/Chassis{path}/EnvironmentMetrics\"}}}}"
        )),
    }
}

#[tokio::test]
async fn of_several_chassis_with_a_power_the_operator_names_one() {
    let dir = TempDir::new().unwrap();
    let server = FakeHttp::start(several).await;
    let failure = power(&mut source(&dir, &server.url, "")).await.unwrap_err();
    assert_eq!(failure.reason, Missing::NotConfigured);
    assert!(failure.detail.contains("Tray (6900 W), HGX (5100 W);"), "{}", failure.detail);
    assert!(failure.detail.contains("`chassis` in [gpu_host.bmc]"), "{}", failure.detail);

    let mut named = source(&dir, &server.url, "chassis = \"Tray\"");
    assert_eq!(power(&mut named).await.unwrap().unwrap().value, watts(6900.0));
    let failure = power(&mut source(&dir, &server.url, "chassis = \"none\"")).await.unwrap_err();
    assert_eq!(failure.reason, Missing::NotReported);
}

#[tokio::test]
async fn a_reading_that_is_null_is_missing_and_never_zero() {
    let dir = TempDir::new().unwrap();
    let asked = AtomicUsize::new(0);
    let server = FakeHttp::start(move |request| {
        let page = request.line == format!("GET {METRICS}");
        if page && asked.fetch_add(1, Ordering::SeqCst) > 0 {
            return Reply::Ok(r#"{"PowerWatts":{"Reading":null}}"#.into());
        }
        modern(request)
    })
    .await;
    assert_eq!(power(&mut source(&dir, &server.url, "")).await.unwrap(), Err(Missing::NotReported));
}

/// A certificate for 127.0.0.1 that signs itself, as controllers are shipped with.
pub fn self_signed(dir: &Path) -> Option<TlsAcceptor> {
    if !installed("openssl") {
        return None;
    }
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", "/CN=bmc", "-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", "bmc.key", "-out", "bmc.pem"])
        .current_dir(dir)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(made.is_ok_and(|status| status.success()));
    // Whoever installed it first: the tests share one process.
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let certificate = CertificateDer::from_pem_file(dir.join("bmc.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(dir.join("bmc.key")).unwrap();
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key);
    Some(TlsAcceptor::from(Arc::new(config.unwrap())))
}

/// Where nobody needs the files.
pub fn self_signed_in_a_folder() -> Option<TlsAcceptor> {
    self_signed(TempDir::new().unwrap().path())
}

/// SHA-256 of the certificate in `dir`.
pub fn fingerprint(dir: &Path) -> String {
    let said = Command::new("openssl")
        .args(["x509", "-in", "bmc.pem", "-noout", "-fingerprint", "-sha256"])
        .current_dir(dir)
        .output()
        .unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    said.trim().rsplit('=').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_certificate_that_signs_itself_is_trusted_when_it_is_pinned_or_in_the_file() {
    let dir = TempDir::new().unwrap();
    let Some(tls) = self_signed(dir.path()) else { return };
    let server = FakeHttp::start_tls(tls, modern).await;
    let pinned = format!("certificate_sha256 = \"{}\"", fingerprint(dir.path()));
    assert_eq!(power(&mut source(&dir, &server.url, &pinned)).await.unwrap().unwrap().value, watts(6400.5));
    let file = format!("ca_file = {:?}", dir.path().join("bmc.pem"));
    assert_eq!(power(&mut source(&dir, &server.url, &file)).await.unwrap().unwrap().value, watts(6400.5));
}

#[tokio::test]
async fn any_other_certificate_is_refused_before_the_password_is_sent() {
    let dir = TempDir::new().unwrap();
    let Some(tls) = self_signed(dir.path()) else { return };
    let server = FakeHttp::start_tls(tls, modern).await;
    let failure = power(&mut source(&dir, &server.url, "")).await.unwrap_err();
    assert_eq!(failure.reason, Missing::Unreachable, "{}", failure.detail);
    let pinned = format!("certificate_sha256 = \"{}\"", "ab".repeat(32));
    let failure = power(&mut source(&dir, &server.url, &pinned)).await.unwrap_err();
    let shown = fingerprint(dir.path());
    assert!(failure.detail.contains("pinned") && failure.detail.contains(&shown), "{}", failure.detail);
    assert_eq!(server.lines(), Vec::<String>::new());
}
