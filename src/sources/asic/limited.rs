//! A stream that ends after so many bytes, whatever else would come.

use std::io::{IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Writes are none of its business. The last read may take one buffer more.
pub struct Limited<S> {
    stream: S,
    left: usize,
}

impl<S> Limited<S> {
    pub fn new(stream: S, bytes: usize) -> Self {
        Self { stream, left: bytes }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Limited<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        if self.left > 0 {
            let before = room.filled().len();
            ready!(Pin::new(&mut self.stream).poll_read(context, room))?;
            self.left = self.left.saturating_sub(room.filled().len() - before);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Limited<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt as _;

    #[tokio::test]
    async fn what_never_ends_ends_at_the_limit_give_or_take_a_buffer() {
        let mut taken = Vec::new();
        Limited::new(tokio::io::repeat(b'x'), 100_000).read_to_end(&mut taken).await.unwrap();
        assert!((100_000..200_000).contains(&taken.len()), "{}", taken.len());
        let mut taken = Vec::new();
        Limited::new(&b"short"[..], 100).read_to_end(&mut taken).await.unwrap();
        assert_eq!(taken, b"short");
    }
}
