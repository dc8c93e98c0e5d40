//! Network file systems: where locks of one machine may mean nothing on another.

use std::path::Path;

use crate::error::Fault;

/// The numbers by which the kernel tells them, from `statfs(2)` and `linux/magic.h`.
#[cfg(target_os = "linux")]
const KINDS: [(u32, &str); 15] = [
    (0x6969, "nfs"),
    (0x517b, "smb"),
    (0xff53_4d42, "cifs"),
    (0xfe53_4d42, "smb2"),
    (0x7375_7245, "coda"),
    (0x5346_414f, "afs"),
    (0x6b41_4653, "afs"),
    (0x564c, "ncp"),
    (0x0102_1997, "9p"),
    (0x00c3_6400, "ceph"),
    (0x0bd0_0bd0, "lustre"),
    (0x4750_4653, "gpfs"),
    (0x1983_0326, "beegfs"),
    (0x7461_636f, "ocfs2"),
    (0x6573_5546, "fuse"),
];

/// What kind of network file system a directory lies on; none if it is of this machine alone.
///
/// # Errors
/// What the system refuses.
#[cfg(target_os = "linux")]
pub(crate) fn kind(directory: &Path) -> Result<Option<&'static str>, Fault> {
    let found = rustix::fs::statfs(directory).map_err(Fault::system("ask what file system it is on"))?.f_type;
    Ok(name(found as u32))
}

/// No other system is known well enough here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn kind(_: &Path) -> Result<Option<&'static str>, Fault> {
    Ok(Some("of an unknown kind"))
}

#[cfg(target_os = "linux")]
fn name(found: u32) -> Option<&'static str> {
    KINDS.iter().find(|(number, _)| *number == found).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_and_memory_are_of_this_machine_and_nfs_is_not() {
        let scratch = tempfile::tempdir().unwrap();
        assert_eq!(kind(scratch.path()).unwrap(), None);
        for (number, known) in [(0xef53, None), (0x0102_1994, None), (0x6969, Some("nfs")), (0xff53_4d42, Some("cifs"))]
        {
            assert_eq!(name(number), known, "{number:x}");
        }
    }
}
