//! `wattsplit run`: the daemon.

use tokio::sync::watch;

use crate::config::{Config, Role};
use crate::{agent, service};

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// What stops the daemon from starting.
pub async fn run(config: &Config) -> anyhow::Result<()> {
    let shutdown = service::termination()?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), site = config.site.name, "wattsplit starts");
    for pool in &config.pool {
        if let Some(warning) = pool.kind.api().warning {
            tracing::warn!(pool = %pool.name, "{warning}");
        }
    }
    match config.site.role {
        Role::Site => {
            let (observer, _) = watch::channel(None);
            agent::run(config, observer, shutdown).await?;
        }
        Role::Node => agent::node::run(config, shutdown).await?,
    }
    tracing::info!("wattsplit stopped");
    Ok(())
}
