//! Opening a cache that is full: our own, one of a process that was killed, and foyer's, beside reading the directory
//! and asking for the size of every file in it.
//!
//! `cargo xtask bench reopen` runs it. Every measurement is made by a process of its own, in turn with the others, and
//! what is compared is the median. All files are in the page cache, for they were just written. Nothing here fails for
//! being slow: the targets are printed beside what was measured.
#![expect(clippy::print_stdout, reason = "prints what it measured")]

mod cached;
mod computed;
mod figures;
mod peer;
mod table;

use std::{
    env, fs,
    io::{BufRead, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use cached::Outcome;
use figures::Figures;
use table::Measured;
use zstore_benches::{chunk_keys, uniform};
use zstore_core::Key;

const SIZES: [usize; 3] = [10_000, 100_000, 1_000_000];
/// How often each thing is measured; a million takes its time.
const ROUNDS: usize = 15;
const ROUNDS_OF_A_MILLION: usize = 5;
/// What the first argument is of a process that measures one thing.
const PROCESS: &str = "process";
/// After it said that it is time, a process is let go on so long: it is killed while it writes.
const BEFORE_KILL: Duration = Duration::from_millis(20);
/// So many different keys are asked for while an index is on its way.
const ASKED: usize = 1 << 14;

fn main() -> Outcome {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if let [PROCESS, task, directory, residents, round] = words[..] {
        return run(task, Path::new(directory), residents.parse()?, round.parse()?);
    }
    let sizes = if words.contains(&"--quick") { &SIZES[..2] } else { &SIZES[..] };
    let given = words.iter().skip_while(|word| **word != "--directory").nth(1);
    let scratch = given.map_or_else(|| env::temp_dir().join("zstore-reopen"), PathBuf::from);
    println!("in {}, {}", scratch.display(), file_system(&scratch)?);
    println!("{}", table::HEAD);
    // To fill a million takes minutes.
    let keeps = words.contains(&"--keep");
    if !keeps {
        clear(&scratch)?;
    }
    for residents in sizes {
        print!("{}", measure(&scratch.join(residents.to_string()), *residents)?);
    }
    // All at the end: for minutes after many files were removed, some file systems are slow to make new ones.
    if keeps { Ok(()) } else { clear(&scratch) }
}

/// What a process of its own does: prints what it measured, in one line.
fn run(task: &str, directory: &Path, residents: usize, round: usize) -> Outcome {
    let keys = chunk_keys(residents)?;
    // Other keys in every round.
    let asked = || -> Vec<Key> { uniform(&keys, (round + 1) * ASKED).split_off(round * ASKED) };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let figures = runtime.block_on(async {
        match task {
            "fill" => cached::fill(directory, &keys).await,
            "walk" => cached::walk(directory),
            "first-hit" => cached::first_hit(directory, &asked()[0]).await,
            "index" => cached::index_back(directory).await,
            "fill-until-killed" => {
                cached::fill_until_killed(directory, || print_now("now")).await.map(|()| Figures::default())
            }
            "index-after-kill" => cached::index_back_after_kill(directory, asked()).await,
            "read-all" => cached::read_back(directory, &keys).await,
            "peer-fill" => peer::fill(directory, &keys, peer::Pace::WithPauses).await,
            "peer-fill-without-pauses" => peer::fill(directory, &keys, peer::Pace::AsFastAsItTakes).await,
            "peer-reopen" => peer::reopen(directory, &keys).await,
            _ => Err(format!("not a task: {task}").into()),
        }
    })?;
    print_now(&figures.to_string());
    Ok(())
}

/// Prints a line that whoever reads it is waiting for.
fn print_now(line: &str) {
    println!("{line}");
    // If nobody reads it, nobody waits.
    let _ = std::io::stdout().flush();
}

/// Fills a cache of each kind with so many residents, and opens them again and again.
fn measure(scratch: &Path, residents: usize) -> Outcome<Measured> {
    let (own, peer, hasty) = (scratch.join("zstore"), scratch.join("foyer"), scratch.join("foyer-without-pauses"));
    for peer in [&peer, &hasty] {
        fs::create_dir_all(peer)?;
    }
    let ask = |task: &str, directory: &Path, round: usize| child(task, directory, residents, round);
    let mut measured = Measured::of(residents as u64);
    let found = if own.exists() { ask("index", &own, 0)?.kept } else { 0 };
    let filled = if found == residents as u64 { found } else { ask("fill", &own, 0)?.kept };
    if filled != residents as u64 {
        return Err(format!("{filled} of {residents} values are resident").into());
    }
    ask("peer-fill", &peer, 0)?;
    ask("peer-fill-without-pauses", &hasty, 0)?;
    // What was just written is on its way to the disk, and would be for the first half of the rounds.
    Command::new("sync").status()?;
    ask("walk", &own, 0)?;
    for round in 0..if residents < 1_000_000 { ROUNDS } else { ROUNDS_OF_A_MILLION } {
        measured.walk.push(ask("walk", &own, round)?);
        measured.first_hit.push(ask("first-hit", &own, round)?);
        measured.index.push(ask("index", &own, round)?);
        kill_while_filling(&own, residents)?;
        measured.killed.push(ask("index-after-kill", &own, round)?);
        measured.peer.push(ask("peer-reopen", &peer, round)?);
        measured.hasty_peer.push(ask("peer-reopen", &hasty, round)?);
    }
    measured.read_back = ask("read-all", &own, 0)?;
    Ok(measured)
}

fn command(task: &str, directory: &Path, residents: usize, round: usize) -> Outcome<Command> {
    let mut command = Command::new(env::current_exe()?);
    command.arg(PROCESS).arg(task).arg(directory).arg(residents.to_string()).arg(round.to_string());
    Ok(command)
}

/// What a process of its own measured.
fn child(task: &str, directory: &Path, residents: usize, round: usize) -> Outcome<Figures> {
    let output = command(task, directory, residents, round)?.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("`{task}` failed: {}", output.status).into());
    }
    Ok(std::str::from_utf8(&output.stdout)?.trim().parse()?)
}

/// Lets a process fill the cache further and kills it in the middle: on Unix that is SIGKILL.
fn kill_while_filling(directory: &Path, residents: usize) -> Outcome {
    let mut child = command("fill-until-killed", directory, residents, 0)?.stdout(Stdio::piped()).spawn()?;
    let mut line = String::new();
    let read = child.stdout.take().map(|stdout| BufReader::new(stdout).read_line(&mut line)).transpose();
    std::thread::sleep(BEFORE_KILL);
    let was_running = child.try_wait()?.is_none();
    child.kill()?;
    child.wait()?;
    read?;
    if was_running && line.trim() == "now" { Ok(()) } else { Err("the process to be killed ended by itself".into()) }
}

fn clear(scratch: &Path) -> Outcome {
    if scratch.exists() {
        fs::remove_dir_all(scratch)?;
    }
    Ok(())
}

/// Of which kind the file system is.
fn file_system(directory: &Path) -> Outcome<String> {
    fs::create_dir_all(directory)?;
    let directory = directory.canonicalize()?;
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((fields.next()?, fields.next()?))
    });
    let nearest = mounts.filter(|(point, _)| directory.starts_with(point)).max_by_key(|(point, _)| point.len());
    Ok(nearest.map_or("on a file system that is not known".to_owned(), |(_, kind)| format!("on {kind}")))
}
