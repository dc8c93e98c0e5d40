//! Writes one value: into a temporary file, which then takes the value's name at once.

use std::os::fd::AsFd;

use rustix::{
    fs::{AtFlags, unlinkat},
    io::Errno,
};
use zstore_core::{Key, Payload, SetMode, Version};

use crate::{
    builder::Durability,
    error::Fault,
    landing::Landing,
    name,
    occupant::{Occupant, occupant},
    parents::{self, Parent},
    root::Root,
    temporary::Temporary,
};

/// Each attempt but the last is lost to somebody who deletes the directory in the instant after it was made. So many
/// in a row are no accident.
const ATTEMPTS_MAX: usize = 100;

/// Carries out a set.
pub(crate) fn set(
    root: &Root,
    landing: &Landing,
    key: &Key,
    value: &Payload,
    mode: &SetMode,
    durability: Durability,
) -> Result<Version, Fault> {
    name::check(key)?;
    let is_create = match mode {
        SetMode::Overwrite => false,
        SetMode::Create => true,
        SetMode::Update(_) => return Err(Fault::NoUpdate),
    };
    let (directory, _) = name::split(key.as_str());
    for _ in 0..ATTEMPTS_MAX {
        match attempt(root, landing, key, value, is_create, durability) {
            // The directory was removed, or the temporary file as a supposed leftover before it was locked.
            Err(Fault::DirectoryVanishes(_) | Fault::System { errno: Errno::NOENT, .. }) => root.check_there()?,
            result => return result,
        }
    }
    Err(Fault::DirectoryVanishes(directory.to_owned()))
}

fn attempt(
    root: &Root,
    landing: &Landing,
    key: &Key,
    value: &Payload,
    is_create: bool,
    durability: Durability,
) -> Result<Version, Fault> {
    let (directory, _) = name::split(key.as_str());
    let parent = parents::open_or_make(root, key.as_str())?;
    let written = write_into(root, landing, &parent, key.as_str(), value, is_create, durability);
    let made = parent.made;
    drop(parent);
    match written {
        Ok(_) if durability == Durability::FileAndDirectory => parents::sync(root, directory, made)?,
        Err(_) if made > 0 => parents::prune(root, directory),
        _ => {}
    }
    written
}

fn write_into(
    root: &Root,
    landing: &Landing,
    parent: &Parent,
    path: &str,
    value: &Payload,
    is_create: bool,
    durability: Durability,
) -> Result<Version, Fault> {
    // Asked before the bytes are written, so that a write that must fail does so at once.
    make_way(root, parent, path, is_create)?;
    let mut temporary = Temporary::make(parent.as_fd())?;
    if let Some(access) = root.access {
        temporary.set_mode(access.file)?;
    }
    let version = temporary.fill(value, durability != Durability::None)?;
    let (_, name) = name::split(path);
    landing.land(|| {
        let landed = if is_create { temporary.create(name) } else { temporary.replace(name) };
        landed.map_err(|errno| match errno {
            // Asked again, because somebody put it there meanwhile.
            Errno::EXIST | Errno::ISDIR | Errno::NOTEMPTY => {
                make_way(root, parent, path, is_create).err().unwrap_or(Fault::Exists)
            }
            errno => Fault::system("give the value its name")(errno),
        })
    })?;
    Ok(version)
}

/// Makes sure that a value can take a name: that nothing has it, or a value that may be replaced.
///
/// Links to values are replaced themselves, and so are links that lead nowhere.
fn make_way(root: &Root, parent: &Parent, path: &str, is_create: bool) -> Result<(), Fault> {
    let in_the_way = |fault: fn(String) -> Fault| Err(fault(path.to_owned()));
    match occupant(root, parent.as_fd(), path)? {
        Occupant::Nothing => Ok(()),
        Occupant::Value if is_create => Err(Fault::Exists),
        Occupant::DeadLink | Occupant::StrayLink if is_create => in_the_way(Fault::LinkInTheWay),
        Occupant::Value | Occupant::DeadLink | Occupant::StrayLink => Ok(()),
        // An empty directory holds no value that the new one would clash with.
        Occupant::Directory if unlinkat(parent, name::split(path).1, AtFlags::REMOVEDIR).is_ok() => Ok(()),
        Occupant::Directory | Occupant::LinkToDirectory => in_the_way(Fault::DirectoryInTheWay),
        Occupant::Other => in_the_way(Fault::NoFileInTheWay),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, sync::Arc};

    use super::*;
    use crate::landing::AbandonOnDrop;

    #[test]
    fn an_abandoned_write_changes_nothing_and_leaves_nothing() {
        let scratch = tempfile::tempdir().unwrap();
        let root = Root::open(scratch.path()).unwrap();
        fs::write(scratch.path().join("old"), "old").unwrap();
        let landing = Arc::new(Landing::default());
        drop(AbandonOnDrop(Arc::clone(&landing)));
        for (key, mode) in [("old", SetMode::Overwrite), ("new", SetMode::Create), ("deep/er/new", SetMode::Overwrite)]
        {
            let key = Key::new(key).unwrap();
            let result = set(&root, &landing, &key, &"new".into(), &mode, Durability::None);
            assert!(matches!(result, Err(Fault::Abandoned)), "{result:?}");
        }
        let names: Vec<_> = fs::read_dir(scratch.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["old"]);
        assert_eq!(fs::read(scratch.path().join("old")).unwrap(), b"old");
    }
}
