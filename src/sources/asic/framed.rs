//! API 3 of WhatsMiners: JSON behind its length, four bytes, the lowest first.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::exchange::{CHUNK, MAX_REPLY, read_more, why};
use crate::reading::Missing;

/// Asks one thing; the JSON of the reply.
///
/// # Errors
/// [`Missing::TooLarge`] for a length that no reply has, before there is any room for it;
/// [`Missing::CutOff`] if less comes than was said.
pub async fn ask(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    json: &'static str,
) -> Result<Vec<u8>, Missing> {
    let length = u32::try_from(json.len()).unwrap_or(u32::MAX);
    let request = [&length.to_le_bytes(), json.as_bytes()].concat();
    stream.write_all(&request).await.map_err(|e| why(&e))?;
    let mut length = [0; 4];
    stream.read_exact(&mut length).await.map_err(|e| why(&e))?;
    let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
    if length > MAX_REPLY {
        return Err(Missing::TooLarge);
    }
    // Room for what has come, not for what was promised.
    let mut reply = Vec::with_capacity(length.min(CHUNK));
    while reply.len() < length {
        if !read_more(stream, &mut reply).await? {
            return Err(Missing::CutOff);
        }
    }
    reply.truncate(length);
    Ok(reply)
}
