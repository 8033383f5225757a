//! A machine that sends what it is told to, whatever it is asked, and closes.

use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::runtime::{Builder, Runtime};
use wattsplit::reading::Missing;
use wattsplit::sources::asic::HostPort;
use wattsplit::sources::asic::command::Command;
use wattsplit::sources::asic::exchange;

thread_local! {
    /// One for all inputs: nothing of an exchange is left in it.
    static RUNTIME: Runtime = Builder::new_current_thread().build().expect("nothing to set up");
}

/// What comes of asking `command` when `sent` arrives in two parts, of which one may be empty.
pub fn answered(command: Command, sent: [&[u8]; 2]) -> Result<Vec<u8>, Missing> {
    let at = HostPort { host: "192.0.2.7".into(), port: 80, expected: true };
    let (ours, mut machine) = duplex(64 * 1024);
    let machine = async move {
        // Who speaks before he is asked is not listened to.
        let _ = machine.read(&mut [0; 1024]).await;
        for part in sent {
            // Whoever has heard enough closes first.
            let _ = machine.write_all(part).await;
            tokio::task::yield_now().await;
        }
    };
    let both = async { tokio::join!(exchange::answer(ours, &at, command, None), machine).0 };
    RUNTIME.with(|runtime| runtime.block_on(both))
}

/// `bytes` in two parts: the first one says where they come apart.
pub fn parts(bytes: &[u8]) -> [&[u8]; 2] {
    let Some((at, bytes)) = bytes.split_first() else { return [bytes, bytes] };
    let (first, second) = bytes.split_at(bytes.len() * usize::from(*at) / 256);
    [first, second]
}
