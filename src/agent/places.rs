//! How many miners can be asked at the same time.

use crate::service;

/// Open files for everything but miners: broker, feeds with what their HTTP client keeps open, ledger, GPU driver,
/// name resolution.
const FOR_THE_REST: usize = 256;

/// As many as the config allows, or fewer where the limit of open files has no room for them: a warning.
pub fn places(concurrency: usize) -> usize {
    let limit = service::open_files_limit();
    let places = within(concurrency, limit);
    if places < concurrency {
        let hint = "raise LimitNOFILE or ulimit -n, or lower concurrency in [site]";
        tracing::warn!(
            concurrency,
            ?limit,
            places,
            hint,
            "the limit of open files allows fewer miners at a time"
        );
    }
    places
}

/// A limit that is too small for anything is shared out all the same.
fn within(concurrency: usize, limit: Option<usize>) -> usize {
    let room = limit.map_or(usize::MAX, |limit| limit.saturating_sub(FOR_THE_REST).max(limit / 4));
    concurrency.min(room).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_limit_has_room_for_the_default_and_a_smaller_one_for_less() {
        assert_eq!(within(768, Some(1024)), 768);
        assert_eq!((within(768, Some(512)), within(2000, Some(1024))), (256, 768));
        assert_eq!((within(768, Some(64)), within(768, Some(0))), (16, 1));
        assert_eq!(within(4000, None), 4000);
    }
}
