//! Work on a task of its own.

use std::panic::resume_unwind;

use tokio::task::spawn_local;

/// Does `work` beside its caller: what a miner sends wakes its runner alone, and not everything that the caller
/// waits for.
///
/// Resolves when the work has ended; a panic of it goes on here. If this is dropped, the work goes on: a runner until
/// the receiver of its batches is dropped. Needs a `LocalRuntime`.
pub fn beside<T: 'static>(work: impl Future<Output = T> + 'static) -> impl Future<Output = T> {
    let task = spawn_local(work);
    async {
        match task.await {
            Ok(outcome) => outcome,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                // The runtime ends, and this with it.
                Err(_) => std::future::pending().await,
            },
        }
    }
}
