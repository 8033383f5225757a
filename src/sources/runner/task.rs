//! A runner on a task of its own.

use std::panic::resume_unwind;

use tokio::task::spawn_local;

/// Drives a runner beside its caller: what a miner sends wakes the runner alone, and not everything that the caller
/// waits for.
///
/// Resolves when the runner has ended; a panic of it goes on here. If this is dropped, the runner goes on until the
/// receiver of its batches is dropped. Needs a `LocalRuntime`.
pub fn beside(runner: impl Future<Output = ()> + 'static) -> impl Future<Output = ()> {
    let task = spawn_local(runner);
    async {
        if let Err(error) = task.await
            && let Ok(panic) = error.try_into_panic()
        {
            resume_unwind(panic);
        }
    }
}
