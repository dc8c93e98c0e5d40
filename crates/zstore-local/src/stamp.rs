//! Times of writing that never repeat. This is the only file of the crate that asks for the time.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use rustix::fs::{Timespec, Timestamps, UTIME_OMIT};

/// The present in nanoseconds since the epoch, later than any answer before it in this process.
///
/// The kernel stamps files with the time of its last tick, so that a value written twice within one, into an inode
/// used again, would look unchanged. These stamps tell the two writes apart.
pub(crate) fn next_ns() -> u64 {
    static LAST_NS: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // 64 bits of nanoseconds last until the year 2554.
    let now_ns = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
    let after = |last_ns: u64| now_ns.max(last_ns.saturating_add(1));
    match LAST_NS.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last_ns| Some(after(last_ns))) {
        Ok(last_ns) | Err(last_ns) => after(last_ns),
    }
}

/// The times that make `stamp_ns` a file's time of writing and leave its time of reading alone.
pub(crate) fn times(stamp_ns: u64) -> Timestamps {
    const SECOND_NS: u64 = 1_000_000_000;
    Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec {
            tv_sec: i64::try_from(stamp_ns / SECOND_NS).unwrap_or(i64::MAX),
            tv_nsec: i64::try_from(stamp_ns % SECOND_NS).unwrap_or(0),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn stamps_never_repeat_among_threads() {
        let threads: Vec<_> =
            (0..4).map(|_| thread::spawn(|| (0..20_000).map(|_| next_ns()).collect::<Vec<_>>())).collect();
        let mut all = Vec::new();
        for thread in threads {
            let stamps = thread.join().unwrap();
            assert!(stamps.is_sorted());
            all.extend(stamps);
        }
        all.sort_unstable();
        let count = all.len();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
