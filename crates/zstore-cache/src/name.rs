//! What one blob is called in this process.

use zstore_core::Key;
use zstore_format::Part;

/// Which of the spaces of a tier a blob lies in: its number in the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Home(pub(crate) u16);

impl Home {
    /// The space of this cache. Blobs of others are in the books only because they take room.
    pub(crate) const OWN: Self = Self(0);
}

/// What one blob is about: as small as can be, for each resident has one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct BlobId {
    pub(crate) key: Key,
    /// Of the block, if it is one.
    index: u64,
    is_block: bool,
    pub(crate) home: Home,
}

impl BlobId {
    pub(crate) const fn new(key: Key, part: Part) -> Self {
        Self::at(Home::OWN, key, part)
    }

    pub(crate) const fn at(home: Home, key: Key, part: Part) -> Self {
        match part {
            Part::Whole => Self { key, index: 0, is_block: false, home },
            Part::Block(index) => Self { key, index, is_block: true, home },
        }
    }

    pub(crate) const fn part(&self) -> Part {
        if self.is_block { Part::Block(self.index) } else { Part::Whole }
    }

    pub(crate) const fn whole(key: Key) -> Self {
        Self::new(key, Part::Whole)
    }

    pub(crate) const fn block(key: Key, index: u64) -> Self {
        Self::new(key, Part::Block(index))
    }
}
