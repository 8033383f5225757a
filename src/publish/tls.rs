//! TLS towards the broker: the operator's own authority or the system's, and a client certificate.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::TlsConfig;
use crate::tls;

/// Reads the files of `[mqtt.tls]`. The broker's certificate is always verified.
///
/// # Errors
/// Names the key of the config and the file, and never shows what is in it.
pub fn client_config(config: &TlsConfig) -> Result<ClientConfig, TlsError> {
    let roots = match &config.ca_file {
        Some(path) => tls::authorities(path).map_err(|reason| TlsError::file("ca_file", path, &reason))?,
        None => system_roots()?,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| TlsError::Refused { reason: e.to_string() })?
        .with_root_certificates(roots);
    match (&config.cert_file, &config.key_file) {
        (None, None) => Ok(builder.with_no_client_auth()),
        (Some(cert), Some(key)) => {
            let chain =
                tls::certificates(cert).map_err(|reason| TlsError::file("cert_file", cert, &reason))?;
            let key_der =
                PrivateKeyDer::from_pem_file(key).map_err(|e| TlsError::file("key_file", key, &e))?;
            builder.with_client_auth_cert(chain, key_der).map_err(|e| TlsError::Pair {
                cert: cert.clone(),
                key: key.clone(),
                reason: e.to_string(),
            })
        }
        (Some(_), None) => Err(TlsError::Half { present: "cert_file", absent: "key_file" }),
        (None, Some(_)) => Err(TlsError::Half { present: "key_file", absent: "cert_file" }),
    }
}

/// When the first of the certificates in the files of `[mqtt.tls]` ends, Unix seconds. The system's are
/// not looked at: its updates renew them.
pub fn expires(config: &TlsConfig) -> Option<i64> {
    let files = [&config.ca_file, &config.cert_file].into_iter().flatten();
    let all = files.filter_map(|file| tls::certificates(file).ok()).flatten();
    all.filter_map(|certificate| tls::not_after(&certificate)).min()
}

fn system_roots() -> Result<RootCertStore, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // A system's store may hold certificates that rustls does not take; the others are good.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let reason = found.errors.first().map_or_else(|| "none found".to_owned(), ToString::to_string);
        return Err(TlsError::SystemRoots { reason });
    }
    Ok(roots)
}

/// What is wrong with `[mqtt.tls]`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    #[error("mqtt.tls.{key} {}: {reason}", path.display())]
    File { key: &'static str, path: PathBuf, reason: String },
    #[error("mqtt.tls.cert_file {} and key_file {} do not go together: {reason}", cert.display(), key.display())]
    Pair { cert: PathBuf, key: PathBuf, reason: String },
    #[error("mqtt.tls.{present} needs mqtt.tls.{absent} as well")]
    Half { present: &'static str, absent: &'static str },
    #[error(
        "no authority in the system's certificate store ({reason}): install ca-certificates or set mqtt.tls.ca_file"
    )]
    SystemRoots { reason: String },
    #[error("TLS cannot be set up: {reason}")]
    Refused { reason: String },
}

impl TlsError {
    fn file(key: &'static str, path: &Path, reason: &dyn std::fmt::Display) -> Self {
        TlsError::File { key, path: path.to_owned(), reason: reason.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with OpenSSL, and when it says that it ends.
    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\n\
        MIIBcjCCARmgAwIBAgIUWNVSOWnizUMs0Aa7yHf4okEXMZIwCgYIKoZIzj0EAwIw\n\
        DzENMAsGA1UEAwwEdGVzdDAeFw0yNjExMjYxMjMwNThaFw0yOTA4MjIxMjMwNTha\n\
        MA8xDTALBgNVBAMMBHRlc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAT8rrhu\n\
        Aw4Suq27z8ngbmy0AVgi9xYPxeXEbZgEGiWXO/hk2FORbETLH32pLntHHBNPPBS0\n\
        YRXgJrX0rz/62atko1MwUTAdBgNVHQ4EFgQUXaz3LyP+EEgTWXP7CiyzeL8MeCEw\n\
        HwYDVR0jBBgwFoAUXaz3LyP+EEgTWXP7CiyzeL8MeCEwDwYDVR0TAQH/BAUwAwEB\n\
        /zAKBggqhkjOPQQDAgNHADBEAiBRRMufBNBkbYV3ZbssGZ40DmaXH7UxyEK13L5g\n\
        UwWLbgIgcQS/eL5Snd01Dgs1rUMW55Z+qXG8k4ocRdS2BoBGwfc=\n\
        -----END CERTIFICATE-----";
    const CERTIFICATE_ENDS: i64 = 1_882_096_258;

    fn config(ca: Option<&Path>, cert: Option<&Path>, key: Option<&Path>) -> TlsConfig {
        TlsConfig {
            ca_file: ca.map(Path::to_owned),
            cert_file: cert.map(Path::to_owned),
            key_file: key.map(Path::to_owned),
        }
    }

    #[test]
    fn an_error_names_the_key_and_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let absent = dir.path().join("absent.pem");
        let message = client_config(&config(Some(&absent), None, None)).unwrap_err().to_string();
        assert!(message.starts_with("mqtt.tls.ca_file ") && message.contains("absent.pem"), "{message}");

        let text = dir.path().join("notes.txt");
        std::fs::write(&text, "not a certificate").unwrap();
        let message = client_config(&config(Some(&text), None, None)).unwrap_err().to_string();
        assert!(message.ends_with("notes.txt: holds no certificate in PEM form"), "{message}");
    }

    #[test]
    fn the_end_of_a_certificate_is_read_from_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ca.pem");
        std::fs::write(&file, CERTIFICATE).unwrap();
        assert_eq!(expires(&config(Some(&file), None, None)), Some(CERTIFICATE_ENDS));
        assert_eq!(expires(&config(None, None, None)), None);
    }

    #[test]
    fn a_client_certificate_needs_its_key() {
        let dir = tempfile::tempdir().unwrap();
        let cert = dir.path().join("cert.pem");
        let error = client_config(&config(None, Some(&cert), None));
        // Without a system store the same call fails earlier, and says so.
        assert!(matches!(error, Err(TlsError::Half { .. } | TlsError::SystemRoots { .. })));
    }
}
