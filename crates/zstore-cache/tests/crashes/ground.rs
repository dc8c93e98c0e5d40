//! The ground: where the directory lies.

use std::{
    fs::{self, File},
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
};

use tempfile::TempDir;

/// A place for one run: the source, the register and the cache.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) scratch: TempDir,
    /// Whether the cache has a disk of its own, which is smaller than the bound.
    pub(crate) is_small: bool,
}

impl Ground {
    /// On the disk that temporary files are on.
    pub(crate) fn disk() -> Self {
        Self { scratch: TempDir::new().unwrap(), is_small: false }
    }

    /// In a file system in memory, where there is one.
    pub(crate) fn memory() -> Self {
        let shm = PathBuf::from("/dev/shm");
        let scratch = if shm.is_dir() { TempDir::new_in(shm).unwrap() } else { TempDir::new().unwrap() };
        Self { scratch, is_small: false }
    }

    /// The cache on a disk of its own, which holds 50 pages.
    pub(crate) fn small_disk() -> Self {
        let ground = Self { is_small: true, ..Self::disk() };
        fs::create_dir(ground.cache()).unwrap();
        ground.mount("size=200k,mode=700");
        ground
    }

    /// From now on the small disk may not be written.
    pub(crate) fn make_read_only(&self) {
        self.mount("remount,ro");
    }

    fn mount(&self, options: &str) {
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", options, "none"]).arg(self.cache()).status();
        assert!(mounted.unwrap().success(), "a disk could not be mounted");
    }

    /// Fills the disk to the last byte, or makes room again.
    pub(crate) fn fill(&self, is_full: bool) {
        let filler = self.cache().join("filler");
        if !is_full {
            let _ = fs::remove_file(filler);
        } else if let Ok(mut file) = File::create(filler) {
            while file.write_all(&[0; 512]).is_ok() {}
        }
    }

    pub(crate) fn cache(&self) -> PathBuf {
        self.scratch.path().join("cache")
    }
}

/// Whether this process may have mounts of its own.
pub(crate) fn can_mount() -> bool {
    let mut tried = Command::new("unshare");
    tried.args(["-rm", "mount", "-t", "tmpfs", "none", "/tmp"]).stderr(Stdio::null());
    tried.status().is_ok_and(|status| status.success())
}

/// Runs the test of the small disk in a process that may mount one, for itself and for the processes it starts.
pub(crate) fn run_with_mounts() {
    let mut command = Command::new("unshare");
    command.arg("-rm").arg(std::env::current_exe().unwrap()).arg(crate::SMALL_DISK);
    assert!(command.status().unwrap().success(), "what was found wrong is told above");
}
