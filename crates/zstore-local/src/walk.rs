//! Lists: a walk through directories that holds one page at a time.

use std::{collections::VecDeque, sync::Arc};

use zstore_core::{DirListing, Key, Meta, Prefix};

use crate::{
    directory::{Child, ChildKind, Directory},
    error::Fault,
    name,
    occupant::facts_beneath,
    root::Root,
};

/// How many values one hop to the blocking pool lists. A value costs a call or two of a microsecond, a hop some ten:
/// the hop is lost among them, and the page stays below 200 KiB.
const PAGE_VALUES: usize = 512;

/// A walk through everything below a directory, depth first.
///
/// # Cost
/// An open directory for each level of depth, and its buffer of 32 KiB or less.
#[derive(Debug)]
pub(crate) struct Walk {
    root: Arc<Root>,
    /// The directories on the way from the root to the first one.
    above: Vec<Identity>,
    /// From the first directory down to the one that is being read.
    levels: Vec<Directory>,
    links: Links,
}

/// What a walk does at a link to a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Links {
    /// Goes on behind it, unless it leads back to where the walk already is.
    Follow,
    /// Shows it as a child.
    Show,
}

/// One step of a walk.
#[derive(Debug)]
pub(crate) enum Step {
    /// A child of the directory that [`Walk::here`] now is; never a directory.
    Child(Child),
    /// All below the directory of this path has been shown.
    Left(String),
}

/// What tells a directory from every other, whatever its path.
type Identity = (i128, u128);

impl Walk {
    /// A walk through all below a prefix; through nothing if there is no such directory, or if a link led back up to
    /// it.
    pub(crate) fn below(root: &Arc<Root>, prefix: &Prefix, links: Links) -> Result<Self, Fault> {
        if !name::can_hold_values(prefix) {
            return Ok(Self { root: Arc::clone(root), above: Vec::new(), levels: Vec::new(), links });
        }
        Self::below_path(root, above(root, prefix.as_str())?, prefix.as_str(), links)
    }

    fn below_path(root: &Arc<Root>, above: Vec<Identity>, path: &str, links: Links) -> Result<Self, Fault> {
        let mut walk = Self { root: Arc::clone(root), above, levels: Vec::new(), links };
        walk.enter(path)?;
        Ok(walk)
    }

    /// The directory whose child was shown last.
    pub(crate) fn here(&self) -> Option<&Directory> {
        self.levels.last()
    }

    /// The next step; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Step>, Fault> {
        while let Some(level) = self.levels.last_mut() {
            let Some(child) = level.next(&self.root)? else {
                let left = self.levels.pop().map(|level| level.path().to_owned());
                return Ok(left.map(Step::Left));
            };
            match child.kind {
                ChildKind::Directory => self.enter(&child.path)?,
                ChildKind::LinkToDirectory if self.links == Links::Follow => self.enter(&child.path)?,
                ChildKind::LinkToDirectory | ChildKind::Value(_) | ChildKind::Temporary => {
                    return Ok(Some(Step::Child(child)));
                }
            }
        }
        Ok(None)
    }

    fn enter(&mut self, path: &str) -> Result<(), Fault> {
        if let Some(directory) = Directory::open(&self.root, path)? {
            let identity = directory.identity();
            let leads_back = self.above.contains(&identity) || self.levels.iter().any(|l| l.identity() == identity);
            if !leads_back {
                self.levels.push(directory);
            }
        }
        Ok(())
    }

    /// The next value and its key; `None` at the end.
    fn next_value(&mut self) -> Result<Option<Meta>, Fault> {
        while let Some(step) = self.next()? {
            if let Step::Child(Child { path, kind: ChildKind::Value(facts) }) = step
                && let Ok(key) = Key::new(path)
            {
                return Ok(Some(facts.meta(key)));
            }
        }
        Ok(None)
    }
}

/// The directories that hold a path, the root first.
fn above(root: &Root, path: &str) -> Result<Vec<Identity>, Fault> {
    let starts = path.match_indices('/').map(|(end, _)| &path[..end]);
    let paths = (!path.is_empty()).then_some("").into_iter().chain(starts);
    let mut above = Vec::new();
    for path in paths {
        above.extend(facts_beneath(root, path)?.map(|facts| facts.identity()));
    }
    Ok(above)
}

/// A listing between two pages.
pub(crate) enum Listing {
    Begin(Prefix),
    Go(Walk),
    End,
}

impl Listing {
    /// Whether there is no further page.
    pub(crate) const fn is_at_end(&self) -> bool {
        matches!(self, Self::End)
    }

    /// The next page, and how the listing goes on. An error is the last of its page and ends the listing.
    pub(crate) fn page(self, root: &Arc<Root>) -> (VecDeque<Result<Meta, Fault>>, Self) {
        let mut page = VecDeque::new();
        let walk = match self {
            Self::Begin(prefix) => Walk::below(root, &prefix, Links::Follow),
            Self::Go(walk) => Ok(walk),
            Self::End => return (page, Self::End),
        };
        let mut walk = match walk {
            Ok(walk) => walk,
            Err(fault) => return (VecDeque::from([Err(fault)]), Self::End),
        };
        while page.len() < PAGE_VALUES {
            match walk.next_value() {
                Ok(Some(meta)) => page.push_back(Ok(meta)),
                Ok(None) => return (page, Self::End),
                Err(fault) => {
                    page.push_back(Err(fault));
                    return (page, Self::End);
                }
            }
        }
        (page, Self::Go(walk))
    }
}

/// The children of a prefix.
///
/// A directory is a prefix if there is a value somewhere below it, which the first file on the way down shows.
pub(crate) fn list_dir(root: &Arc<Root>, prefix: &Prefix) -> Result<DirListing, Fault> {
    let mut found = DirListing::default();
    // The first directory of such a walk is the prefix's own.
    let mut walk = Walk::below(root, prefix, Links::Show)?;
    let Some(mut directory) = walk.levels.pop() else {
        return Ok(found);
    };
    let mut above = walk.above;
    above.push(directory.identity());
    while let Some(Child { path, kind }) = directory.next(root)? {
        match kind {
            ChildKind::Value(facts) => found.values.extend(Key::new(path).ok().map(|key| facts.meta(key))),
            ChildKind::Directory | ChildKind::LinkToDirectory => {
                if Walk::below_path(root, above.clone(), &path, Links::Follow)?.next_value()?.is_some() {
                    found.prefixes.extend(Prefix::new(path));
                }
            }
            ChildKind::Temporary => {}
        }
    }
    found.values.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    found.prefixes.sort_unstable();
    Ok(found)
}
