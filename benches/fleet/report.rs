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
pub struct Round {
    pub client: Client,
    pub bare: Bare,
    /// The bare client with the option of the socket that spares a packet.
    pub spared: Bare,
}

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
        let cpu_s: f64 = rounds.iter().map(|round| round.client.cpu_s).sum();
        let ratio_to = |bare: fn(&Round) -> &Bare| cpu_s / rounds.iter().map(|r| bare(r).cpu_s).sum::<f64>();
        let ratio = ratio_to(|round| &round.bare);
        println!("{machines}: ratio {:.2} to one that spares a packet, too", ratio_to(|round| &round.spared));
        self.judge(&format!("{machines}: ratio {ratio:.2}, at most {MOST_RATIO}"), ratio <= MOST_RATIO);
        let rss_mb = rounds.iter().map(|round| round.client.rss_mb()).fold(0.0, f64::max);
        self.judge(&format!("{machines}: {rss_mb:.1} MB, at most {MOST_RSS_MB}"), rss_mb <= MOST_RSS_MB);
        let missed: usize = rounds.iter().map(|round| round.client.missed).sum();
        let failed: usize = rounds.iter().map(|r| r.client.failed + r.bare.failed + r.spared.failed).sum();
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
    fn rss_mb(&self) -> f64 {
        self.rss_kb as f64 / 1024.0
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

impl Round {
    pub fn heading() {
        println!(
            "| miners | polls/s | CPU s per 1,000 | bare: polls/s | CPU s per 1,000 | connections a poll | ratio | a packet spared: CPU s per 1,000 | ratio | peak RSS MB | open files | missed | identified in s | CPU s per 1,000 |"
        );
        println!("|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    }

    /// One line of the table.
    pub fn print(&self, machines: usize) {
        let Self { client, bare, spared } = self;
        let per_thousand = |cpu_s: f64| cpu_s / client.polls as f64 * 1e3;
        println!(
            "| {machines:>6} | {:>5.0} | {:>6.3} | {:>5.0} | {:>6.3} | {:>6.2} | {:>5.2} | {:>6.3} | {:>5.2} | {:>5.1} | {:>5} | {:>6} | {:>10.1} | {:>10.3} |",
            client.polls as f64 / client.wall_s,
            per_thousand(client.cpu_s),
            client.polls as f64 / bare.wall_s,
            per_thousand(bare.cpu_s),
            bare.connections as f64 / client.polls as f64,
            client.cpu_s / bare.cpu_s,
            per_thousand(spared.cpu_s),
            client.cpu_s / spared.cpu_s,
            client.rss_mb(),
            client.files,
            client.missed,
            client.identify_s,
            client.identify_cpu_s / client.healthy as f64 * 1e3,
        );
    }
}
