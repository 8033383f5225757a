//! One request at a time to a host, however many accounts are there.

use std::cell::Cell;
use std::time::Duration;

use reqwest::Url;

/// When a host may be asked again, monotonic.
#[derive(Debug, Default)]
pub(super) struct Gate(Cell<Duration>);

impl Gate {
    /// Time until the host may be asked; `None`: it may be asked now.
    pub fn wait(&self, now: Duration) -> Option<Duration> {
        self.0.get().checked_sub(now).filter(|wait| !wait.is_zero())
    }

    /// Nobody else asks before `until`.
    pub fn close(&self, until: Duration) {
        self.0.set(until);
    }
}

/// Host and port of a URL.
pub(super) fn host_of(url: &str) -> String {
    Url::parse(url).map_or_else(|_| url.to_owned(), |url| url.authority().to_owned())
}
