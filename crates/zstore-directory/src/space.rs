//! Space on the disk.

use std::{io, path::Path};

use nix::sys::statvfs::statvfs;

/// Bytes that are free for this user on the disk of a directory, and bytes of the whole disk.
///
/// # Errors
/// What the system refuses.
///
/// # Cost
/// A call of the system, which waits for nobody.
pub fn free_space(directory: &Path) -> io::Result<(u64, u64)> {
    let disk = statvfs(directory)?;
    let block = disk.fragment_size();
    Ok((disk.blocks_available().saturating_mul(block), disk.blocks().saturating_mul(block)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_free_than_there_is() {
        let (free, all) = free_space(Path::new("/")).unwrap();
        assert!(free <= all && all > 0);
        assert!(free_space(Path::new("/no/such/directory")).is_err());
    }
}
