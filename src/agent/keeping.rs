//! From the config to the ledger, and what a config leaves behind in the ledger of the one before.

use std::path::PathBuf;
use std::sync::Arc;

use super::books::Books;
use super::brokers::Ways;
use super::{AgentError, Core, build};
use crate::config::Config;
use crate::ledger::outbox::{self, News, RecordClass};
use crate::ledger::{Destination, Fresh, Outlet};
use crate::publish::topics::{self, Prefix};
use crate::publish::wire;
use crate::publish::wire::devices::Origin;

/// The ledger, in the state directory.
pub const LEDGER_FILE: &str = "ledger.sqlite";

/// Records that wait in the ledger of the config `before` while the one of `now` lies elsewhere, or nowhere. The log
/// tells. `None`: there are none.
pub fn left_behind(before: &Config, now: &Config) -> Option<News> {
    left_in(ledger_file(before)?, now)
}

/// As [`left_behind`], in the directory that systemd gives: before the config named one of its own, it was the place.
pub fn left_at_start(now: &Config) -> Option<News> {
    left_in(build::given_state_dir()?.join(LEDGER_FILE), now)
}

fn left_in(file: PathBuf, now: &Config) -> Option<News> {
    // A file has several names; one that is not there has none.
    let real = file.canonicalize().ok()?;
    if ledger_file(now).and_then(|other| other.canonicalize().ok()) == Some(real) {
        return None;
    }
    let records = match outbox::waiting(&file) {
        Ok(records) => records,
        Err(error) => {
            tracing::warn!(%error, "the ledger is another one now; nobody knows what waits in the one before");
            return None;
        }
    };
    let some = RecordClass::ALL.into_iter().any(|class| *records.of(class) > 0);
    let news = some.then_some(News::LeftBehind { records, file });
    news.inspect(|news| tracing::warn!("{news}"))
}

fn ledger_file(config: &Config) -> Option<PathBuf> {
    Some(build::state_dir(config)?.join(LEDGER_FILE))
}

impl Core {
    /// # Errors
    /// Names that make no topic.
    pub(super) fn open_ledger(
        &mut self,
        config: &Config,
        from: Origin,
        ways: Ways,
        left: Option<News>,
    ) -> Result<(), AgentError> {
        let outlet = outlet(config, from, ways.destinations)?;
        self.books = Books::new(&self.site_name, outlet, ways.publishers);
        self.books.left_behind(left);
        match ledger_file(config) {
            Some(file) => self.books.open(file, config.pools_by_group()),
            None => tracing::warn!("no state_dir in [site], no $STATE_DIRECTORY: no ledger is kept"),
        }
        Ok(())
    }
}

/// Records of this run of the program.
fn outlet(config: &Config, from: Origin, to: Vec<Destination>) -> Result<Outlet, AgentError> {
    let root = config.mqtt.as_ref().ok_or(AgentError::NoBroker)?.root.as_str();
    let place = topics::absolute(Prefix::new(root, &config.site.name)?.as_str());
    let compose = move |fresh: &Fresh, first| wire::records::compose(&from.site, &from.boot, fresh, first);
    Ok(Outlet::new(Arc::new(compose), to, config.outbox.budgets()).at(place))
}
