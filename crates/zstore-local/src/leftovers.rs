//! Clears away what crashes left: temporary files that nobody writes any more.

use std::sync::Arc;

use zstore_core::Prefix;

use crate::{
    directory::{Child, ChildKind},
    error::Fault,
    landing::Landing,
    name,
    root::Root,
    temporary,
    walk::{Links, Step, Walk},
};

/// What crashes had left and is now gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Leftovers {
    /// How many files.
    pub files: u64,
    /// Their size in bytes.
    pub bytes: u64,
}

/// Removes every temporary file below a prefix that no process is writing.
pub(crate) fn remove(root: &Arc<Root>, prefix: &Prefix, landing: &Landing) -> Result<Leftovers, Fault> {
    let mut leftovers = Leftovers::default();
    let mut walk = Walk::below(root, prefix, Links::Show)?;
    while let Some(step) = walk.next()? {
        if let Step::Child(Child { path, kind: ChildKind::Temporary }) = step
            && let Some(here) = walk.here()
        {
            let here = here.handle()?;
            let removed = landing.land(|| temporary::remove_if_left(here, name::split(&path).1))?;
            leftovers.files += u64::from(removed.is_some());
            leftovers.bytes += removed.unwrap_or(0);
        }
    }
    Ok(leftovers)
}
