//! What the processes report, and the tables that are made of it.

use serde::{Deserialize, Serialize};

/// Most that a poll may cost, of what the bare client needs for the same connections.
const MOST_RATIO: f64 = 1.3;
/// At 30,000 machines.
const MOST_RSS_MB: f64 = 64.0;

/// What the client measured.
#[derive(Serialize, Deserialize)]
pub struct Client {
    /// Machines that answer.
    pub healthy: usize,
    /// Until each of them has said what it is.
    pub identify_s: f64,
    pub identify_cpu_s: f64,
    /// In the window, from here on.
    pub polls: usize,
    /// Of healthy machines.
    pub failed: usize,
    /// Healthy machines that were not read.
    pub missed: usize,
    pub wall_s: f64,
    pub cpu_s: f64,
    /// Most at the same time, since the start.
    pub files: usize,
    pub rss_kb: u64,
}

/// What the bare client measured.
#[derive(Serialize, Deserialize)]
pub struct Bare {
    pub connections: usize,
    pub failed: usize,
    pub wall_s: f64,
    pub cpu_s: f64,
}

/// What both clients measured at the same connections.
pub type Round = (Client, Bare);

/// The budgets, and whether they hold.
#[derive(Default)]
pub struct Verdict {
    pub broken: bool,
}

impl Verdict {
    fn judge(&mut self, what: &str, holds: bool) {
        println!("{} {what}", if holds { "PASS" } else { "FAIL" });
        self.broken |= !holds;
    }

    /// Judges a site where all machines are well: the ratio over all rounds, and the worst of the rest.
    pub fn flat_out(&mut self, machines: usize, rounds: &[Round]) {
        let cpu_s: f64 = rounds.iter().map(|(client, _)| client.cpu_s).sum();
        let ratio = cpu_s / rounds.iter().map(|(_, bare)| bare.cpu_s).sum::<f64>();
        self.judge(&format!("{machines}: ratio {ratio:.2}, at most {MOST_RATIO}"), ratio <= MOST_RATIO);
        let rss_mb = rounds.iter().map(|(client, _)| client.rss_mb()).fold(0.0, f64::max);
        self.judge(&format!("{machines}: {rss_mb:.1} MB, at most {MOST_RSS_MB}"), rss_mb <= MOST_RSS_MB);
        let missed: usize = rounds.iter().map(|(client, _)| client.missed).sum();
        let failed: usize = rounds.iter().map(|(client, bare)| client.failed + bare.failed).sum();
        self.judge(&format!("{machines}: {missed} missed, {failed} failed"), missed == 0 && failed == 0);
    }

    /// Judges a site that is asked once per period.
    pub fn paced(&mut self, what: &str, client: &Client) {
        let Client { healthy, missed, failed, .. } = client;
        let none = *missed == 0 && *failed == 0;
        self.judge(&format!("{what}: {} of {healthy} read in the period", healthy - missed), none);
    }
}

impl Client {
    fn ratio(&self, bare: &Bare) -> f64 {
        self.cpu_s / bare.cpu_s
    }

    fn rss_mb(&self) -> f64 {
        self.rss_kb as f64 / 1024.0
    }

    /// One line of the table, and one for the bare client.
    pub fn print(&self, machines: usize, bare: &Bare) {
        let per_thousand = |cpu_s: f64| cpu_s / self.polls as f64 * 1e3;
        println!(
            "| {machines:>6} | {:>5.0} | {:>6.3} | {:>5.0} | {:>6.3} | {:>6.2} | {:>5.2} | {:>5.1} | {:>5} | {:>6} | {:>10.1} | {:>10.3} |",
            self.polls as f64 / self.wall_s,
            per_thousand(self.cpu_s),
            self.polls as f64 / bare.wall_s,
            per_thousand(bare.cpu_s),
            bare.connections as f64 / self.polls as f64,
            self.ratio(bare),
            self.rss_mb(),
            self.files,
            self.missed,
            self.identify_s,
            self.identify_cpu_s / self.healthy as f64 * 1e3,
        );
    }

    pub fn heading() {
        println!(
            "| miners | polls/s | CPU s per 1,000 | bare: polls/s | CPU s per 1,000 | connections a poll | ratio | peak RSS MB | open files | missed | identified in s | CPU s per 1,000 |"
        );
        println!("|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    }

    pub fn print_paced(&self, what: &str) {
        println!(
            "{what}: {} of {} healthy miners read in {:.1} s, {:.1} % of one core, {:.1} MB, {} files; all were met in {:.1} s",
            self.healthy - self.missed,
            self.healthy,
            self.wall_s,
            self.cpu_s / self.wall_s * 100.0,
            self.rss_mb(),
            self.files,
            self.identify_s,
        );
    }
}
