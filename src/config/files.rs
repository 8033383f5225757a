//! The files that the config names: where they are, and whether they can be used.

use std::path::{Path as FilePath, PathBuf};

use super::Config;
use super::document::{Path, Report};
use crate::publish::TlsConfig;
use crate::secret::Secret;
use crate::sources::asic::{AsicConfig, labels};
use crate::sources::value::query::RequestConfig;

/// Where relative paths are looked for.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// Folder of the config file, absolute.
    pub base: PathBuf,
    /// systemd's `$CREDENTIALS_DIRECTORY`; searched before `base`.
    pub credentials: Option<PathBuf>,
}

/// Largest PEM file; the bundle of a whole system has about 250 kB.
const MAX_PEM_BYTES: u64 = 4 * 1024 * 1024;

impl Places {
    /// The absolute path of a secret or certificate.
    fn credential(&self, path: &FilePath) -> PathBuf {
        let handed_over = self.credentials.iter().map(|dir| dir.join(path)).find(|full| full.exists());
        handed_over.unwrap_or_else(|| self.base.join(path))
    }
}

fn broker(
    password: Option<&mut PathBuf>,
    tls: Option<&mut TlsConfig>,
    places: &Places,
    section: &Path,
    report: &mut Report<'_>,
) {
    secret(password, places, &section.key("password_file"), report);
    if let Some(tls) = tls {
        let section = section.key("tls");
        pem(tls.ca_file.as_mut(), places, "CERTIFICATE-----", &section.key("ca_file"), report);
        pem(tls.cert_file.as_mut(), places, "CERTIFICATE-----", &section.key("cert_file"), report);
        pem(tls.key_file.as_mut(), places, "PRIVATE KEY-----", &section.key("key_file"), report);
    }
}

/// Makes every path in `config` absolute and reports secrets, certificates and labels that are missing
/// or cannot be what they should be.
pub fn resolve(config: &mut Config, places: &Places, report: &mut Report<'_>) {
    let root = Path::default();
    if let Some(dir) = &mut config.site.state_dir {
        *dir = places.base.join(&*dir);
    }
    if let Some(mqtt) = &mut config.mqtt {
        let section = root.key("mqtt");
        broker(mqtt.password_file.as_mut(), mqtt.tls.as_mut(), places, &section, report);
        if let Some(central) = &mut mqtt.central {
            let section = section.key("central");
            broker(central.password_file.as_mut(), central.tls.as_mut(), places, &section, report);
        }
    }
    for (n, asic) in config.asic.iter_mut().enumerate() {
        let at = root.key("asic").item(n);
        labels(asic, places, &at.key("labels_file"), report);
        secret(asic.password_file.as_mut(), places, &at.key("password_file"), report);
    }
    for (n, pool) in config.pool.iter_mut().enumerate() {
        let section = root.key("pool").item(n);
        secret(pool.token_file.as_mut(), places, &section.key("token_file"), report);
        secret(pool.secret_file.as_mut(), places, &section.key("secret_file"), report);
        if let Some(json) = &mut pool.json {
            let section = section.key("json");
            secret(json.token_file.as_mut(), places, &section.key("token_file"), report);
            request(&mut json.request, places, &section.key("request"), report);
        }
    }
    for (n, hosting) in config.hosting.iter_mut().enumerate() {
        // Others write these, perhaps later: they need not be there yet.
        for file in hosting.occupied_file.iter_mut().chain(&mut hosting.occupied_dirs) {
            *file = places.base.join(&*file);
        }
        let token = root.key("hosting").item(n).key("occupied_token_file");
        secret(hosting.occupied_token_file.as_mut(), places, &token, report);
        if let Some(price) = &mut hosting.price {
            price.file = price.file.take().map(|file| places.base.join(file));
            let token = root.key("hosting").item(n).key("price").key("token_file");
            secret(price.token_file.as_mut(), places, &token, report);
        }
        if let Some(market) = &mut hosting.market {
            let token = root.key("hosting").item(n).key("market").key("token_file");
            secret(market.token_file.as_mut(), places, &token, report);
        }
        if let Some(platform) = &mut hosting.platform {
            let token = root.key("hosting").item(n).key("platform").key("token_file");
            secret(Some(&mut platform.token_file), places, &token, report);
        }
    }
    for (n, host) in config.gpu_host.iter_mut().enumerate() {
        // A bare name is for the dynamic linker to find.
        if let Some(file) = host.library.as_mut().filter(|file| file.components().count() > 1) {
            *file = places.base.join(&*file);
        }
        if let Some(bmc) = &mut host.bmc {
            let section = root.key("gpu_host").item(n).key("bmc");
            secret(Some(&mut bmc.password_file), places, &section.key("password_file"), report);
            pem(bmc.ca_file.as_mut(), places, "CERTIFICATE-----", &section.key("ca_file"), report);
        }
    }
    if let Some(network) = &mut config.network {
        // bitcoind writes a new cookie at each start: it need not be there yet.
        if let Some(file) = &mut network.cookie_file {
            *file = places.credential(file);
        }
        secret(network.password_file.as_mut(), places, &root.key("network").key("password_file"), report);
    }
    if let Some(power) = &mut config.power {
        let section = root.key("power");
        if let Some(tibber) = &mut power.tibber {
            let path = section.key("tibber").key("token_file");
            secret(Some(&mut tibber.token_file), places, &path, report);
        }
        if let Some(ercot) = &mut power.ercot {
            let section = section.key("ercot");
            secret(Some(&mut ercot.password_file), places, &section.key("password_file"), report);
            let path = section.key("subscription_key_file");
            secret(Some(&mut ercot.subscription_key_file), places, &path, report);
        }
        if let Some(pjm) = &mut power.pjm {
            let path = section.key("pjm").key("subscription_key_file");
            secret(Some(&mut pjm.subscription_key_file), places, &path, report);
        }
        if let Some(own) = &mut power.own {
            let section = section.key("own");
            secret(own.token_file.as_mut(), places, &section.key("token_file"), report);
            request(&mut own.request, places, &section.key("request"), report);
        }
    }
    if let Some(index) = &mut config.hashprice_index {
        let key = root.key("hashprice_index").key("key_file");
        secret(Some(&mut index.key_file), places, &key, report);
    }
    if let Some(meter) = &mut config.meter {
        let section = root.key("meter");
        secret(meter.token_file.as_mut(), places, &section.key("token_file"), report);
        request(&mut meter.request, places, &section.key("request"), report);
    }
    if let Some(own) = &mut config.btc.own {
        let section = root.key("btc").key("own");
        secret(own.token_file.as_mut(), places, &section.key("token_file"), report);
        request(&mut own.request, places, &section.key("request"), report);
    }
    for (n, signal) in config.signal.iter_mut().enumerate() {
        let section = root.key("signal").item(n);
        secret(signal.token_file.as_mut(), places, &section.key("token_file"), report);
        request(&mut signal.request, places, &section.key("request"), report);
    }
}

fn request(request: &mut RequestConfig, places: &Places, section: &Path, report: &mut Report<'_>) {
    for (key, files) in [("header_file", &mut request.header_file), ("body_file", &mut request.body_file)] {
        for (n, one) in files.iter_mut().enumerate() {
            secret(Some(&mut one.file), places, &section.key(key).item(n).key("file"), report);
        }
    }
}

fn secret(file: Option<&mut PathBuf>, places: &Places, path: &Path, report: &mut Report<'_>) {
    let Some(file) = file else { return };
    let pasted = looks_pasted(file);
    *file = places.credential(file);
    match Secret::from_file(file) {
        Ok(_) => {}
        Err(_) if pasted => {
            let message = format!("{} must name a file, and there is none of this name", path.subject());
            let hint = "not shown here, in case it is the secret itself: that belongs in a file of its own";
            report.hidden_value(path, message, Some(hint.to_owned()));
        }
        Err(e) => unusable(file, &e.reason, path, report),
    }
}

fn labels(asic: &mut AsicConfig, places: &Places, path: &Path, report: &mut Report<'_>) {
    let Some(file) = &mut asic.labels_file else { return };
    *file = places.base.join(&*file);
    for problem in labels::read(file, asic.port).err().into_iter().flat_map(|error| error.problems) {
        report.value(path, format!("{}: {problem}", path.subject()), None);
    }
}

/// More like a token than like the name of a file: long, letters and digits, no folder, no ending.
fn looks_pasted(file: &FilePath) -> bool {
    let text = file.to_string_lossy();
    let has = |kind: fn(char) -> bool| text.chars().any(kind);
    text.len() >= 16
        && !has(|c| c == '/' || c == '.')
        && has(|c| c.is_ascii_digit())
        && has(|c| c.is_ascii_alphabetic())
}

fn pem(file: Option<&mut PathBuf>, places: &Places, label: &str, path: &Path, report: &mut Report<'_>) {
    let Some(file) = file else { return };
    *file = places.credential(file);
    if let Err(reason) = holds_pem(file, label) {
        unusable(file, &reason, path, report);
    }
}

fn holds_pem(file: &FilePath, label: &str) -> Result<(), String> {
    let meta = std::fs::metadata(file).map_err(|e| e.to_string())?;
    if !meta.is_file() {
        return Err("is not a file".to_owned());
    }
    if meta.len() > MAX_PEM_BYTES {
        return Err(format!("is larger than {MAX_PEM_BYTES} bytes"));
    }
    let bytes = std::fs::read(file).map_err(|e| e.to_string())?;
    let found = bytes.windows(label.len()).any(|window| window == label.as_bytes());
    if found { Ok(()) } else { Err(format!("holds no PEM block \"-----BEGIN … {label}\"")) }
}

fn unusable(file: &FilePath, reason: &str, path: &Path, report: &mut Report<'_>) {
    let message = format!("{}: {}: {reason}", path.subject(), file.display());
    report.value(path, message, None);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_handed_over_by_systemd_comes_before_the_config_folder() {
        let dir = tempfile::tempdir().unwrap();
        let (base, handed) = (dir.path().join("etc"), dir.path().join("run"));
        for folder in [&base, &handed] {
            std::fs::create_dir(folder).unwrap();
            std::fs::write(folder.join("both"), "x").unwrap();
        }
        std::fs::write(base.join("own"), "x").unwrap();
        let places = Places { base: base.clone(), credentials: Some(handed.clone()) };
        assert_eq!(places.credential(FilePath::new("both")), handed.join("both"));
        assert_eq!(places.credential(FilePath::new("own")), base.join("own"));
        assert_eq!(places.credential(FilePath::new("/abs")), FilePath::new("/abs"));
        let places = Places { credentials: None, ..places };
        assert_eq!(places.credential(FilePath::new("both")), base.join("both"));
    }
}
