//! Whatever else may listen at an address.

use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use wattsplit::sources::asic::HostPort;

use super::own_address;

/// A listener that does `serve` with each connection; its address.
pub async fn misbehaving<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> HostPort
where
    F: Future<Output = std::io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind((own_address(), 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve_each(listener, serve));
    HostPort { host: address.ip().into(), port: address.port(), expected: true }
}

/// Does `serve` with each connection to `listener`.
pub async fn serve_each<F>(listener: TcpListener, serve: impl Fn(TcpStream) -> F)
where
    F: Future<Output = std::io::Result<()>> + Send + 'static,
{
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream));
    }
}

/// Reads to the end of one question.
pub async fn take_request(stream: &mut TcpStream) -> std::io::Result<()> {
    // In whichever way it is asked.
    let mut request = Vec::new();
    while !request.ends_with(b"}") && !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await?);
    }
    Ok(())
}
