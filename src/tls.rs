//! Which servers to trust over TLS: certificates from files, and one that is known by its hash.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// Whom to trust instead of the system's authorities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// Whoever has a certificate for its name by an authority in this PEM file.
    Authorities(PathBuf),
    /// Who has this certificate, whatever its name and its dates.
    Certificate(Fingerprint),
}

impl Trust {
    /// # Errors
    /// The file cannot be used; the text names it and shows nothing of it.
    pub fn client_config(&self) -> Result<ClientConfig, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|e| e.to_string())?;
        Ok(match self {
            Trust::Authorities(file) => {
                let roots = authorities(file).map_err(|reason| format!("{}: {reason}", file.display()))?;
                builder.with_root_certificates(roots).with_no_client_auth()
            }
            Trust::Certificate(expected) => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Pinned { expected: *expected, provider }))
                .with_no_client_auth(),
        })
    }
}

/// All authorities in a PEM file.
///
/// # Errors
/// What is wrong with the file, without its name.
pub fn authorities(file: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        roots.add(certificate).map_err(|e| e.to_string())?;
    }
    Ok(roots)
}

/// When a certificate ends, Unix seconds; `None` where its dates cannot be read. From the structure of
/// RFC 5280, 4.1.
pub fn not_after(certificate: &CertificateDer<'_>) -> Option<i64> {
    let (_, whole, _) = element(certificate)?;
    let (_, mut rest, _) = element(whole)?;
    // Version, which old ones lack; serial number, algorithm, issuer.
    if element(rest)?.0 == 0xa0 {
        rest = element(rest)?.2;
    }
    for _ in 0..3 {
        rest = element(rest)?.2;
    }
    let (_, validity, _) = element(rest)?;
    let (tag, end, _) = element(element(validity)?.2)?;
    let text = std::str::from_utf8(end).ok()?;
    // UTCTime has two digits of the year, from 1950 to 2049.
    let century = match tag {
        0x17 if text.starts_with(['5', '6', '7', '8', '9']) => "19",
        0x17 => "20",
        _ => "",
    };
    let time = jiff::civil::DateTime::strptime("%Y%m%d%H%M%SZ", format!("{century}{text}")).ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second())
}

/// The first element of DER: its tag, what is in it, and what comes behind it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x83 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first - 0x80))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (inside, behind) = rest.split_at_checked(length)?;
    Some((tag, inside, behind))
}

/// All certificates in a PEM file, at least one.
///
/// # Errors
/// As [`authorities`].
pub fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let fail = |e: rustls::pki_types::pem::Error| e.to_string();
    let found: Vec<_> =
        CertificateDer::pem_file_iter(file).map_err(fail)?.collect::<Result<_, _>>().map_err(fail)?;
    if found.is_empty() {
        return Err("holds no certificate in PEM form".to_owned());
    }
    Ok(found)
}

/// SHA-256 of a certificate in DER form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// 64 hexadecimal digits, with or without a colon after each two: what
    /// `openssl x509 -fingerprint -sha256` prints.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: Vec<u32> =
            text.chars().filter(|c| *c != ':').map(|c| c.to_digit(16)).collect::<Option<_>>()?;
        let bytes: Vec<u8> = digits
            .chunks_exact(2)
            .filter_map(|pair| u8::try_from(pair.iter().fold(0, |sum, digit| sum * 16 + digit)).ok())
            .collect();
        let whole = digits.len() == 64 && matches!(text.len(), 64 | 95);
        bytes.try_into().ok().filter(|_| whole).map(Self)
    }

    fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let digest = ring::digest::digest(&ring::digest::SHA256, certificate);
        digest.as_ref().try_into().ok().map(Self)
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = String::new();
        for byte in self.0 {
            let colon = if text.is_empty() { "" } else { ":" };
            write!(text, "{colon}{byte:02X}")?;
        }
        f.write_str(&text)
    }
}

/// Takes one certificate and no other. The handshake still proves that the server has its key.
#[derive(Debug)]
struct Pinned {
    expected: Fingerprint,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match Fingerprint::of(certificate) {
            Some(shown) if shown == self.expected => Ok(ServerCertVerified::assertion()),
            Some(shown) => Err(Error::General(format!(
                "the server shows another certificate than the pinned one: {shown}"
            ))),
            None => Err(Error::General("the server's certificate has no hash".to_owned())),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_64_digits_with_colons_or_without() {
        let plain = "00ff".repeat(16);
        let colons = vec!["00:FF"; 16].join(":");
        let parsed = Fingerprint::parse(&plain).unwrap();
        assert_eq!(Fingerprint::parse(&colons), Some(parsed));
        assert_eq!(parsed.to_string(), colons);
        for bad in ["", "00ff", &"0".repeat(63), &"0".repeat(65), &"0g".repeat(32), &format!("{plain}:")] {
            assert_eq!(Fingerprint::parse(bad), None, "{bad}");
        }
    }
}
