//! The judge: starts players, kills them, weighs the files, and looks at what is left.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::{
        signal::{Signal, kill},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};
use zstore_core::{ReadStore, ReadStoreExt};
use zstore_format::marker::MARKERS_BYTES;
use zstore_testkit::Seed;

use crate::{
    damage,
    ground::Ground,
    player::{self, BOUND},
    register::Register,
    value::{self, VALUES},
};

/// What is tried.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) ground: Ground,
    pub(crate) kills: u64,
    pub(crate) players: usize,
    pub(crate) seed: u64,
    /// The most files that a player may have open.
    pub(crate) files_max: Option<u64>,
    /// Whether blobs and journals are torn after each kill, as by a loss of power.
    pub(crate) tears: bool,
}

impl Plan {
    pub(crate) const fn new(ground: Ground) -> Self {
        Self { ground, kills: 1, players: 1, seed: 0, files_max: None, tears: false }
    }
}

/// What was done and seen.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    kills: u64,
    reopenings: u64,
    weighings: u64,
    checked: u64,
    torn: u64,
}

/// Runs a plan. Whatever is wrong is a panic.
pub(crate) fn run(plan: &Plan) -> Counts {
    let place = plan.ground.scratch.path();
    drop(Register::open(place));
    fs::create_dir_all(plan.ground.cache()).unwrap();
    let mut seed = Seed::new(plan.seed);
    let mut counts = Counts::default();
    let mut players: Vec<Player> = (0..plan.players).map(|_| Player::start(plan, &mut seed, &mut counts)).collect();
    let foreign = plant_foreign(&plan.ground.cache());
    while counts.kills < plan.kills {
        let at = usize::try_from(seed.below(players.len() as u64)).unwrap();
        players[at].goes_on_for(1 + seed.below(60));
        weigh(&players, &plan.ground.cache(), &mut counts);
        players.swap_remove(at).kill();
        counts.kills += 1;
        if plan.ground.is_small {
            plan.ground.fill(seed.below(2) == 0);
        }
        if plan.tears && players.is_empty() {
            counts.torn += damage::tear(&plan.ground.cache(), &mut seed);
        }
        players.push(Player::start(plan, &mut seed, &mut counts));
    }
    for player in players {
        player.kill();
        counts.kills += 1;
    }
    plan.ground.fill(false);
    look_at_what_is_left(&plan.ground, &mut counts);
    assert!(foreign.iter().all(|path| fs::read(path).unwrap() == b"foreign"), "a file that is not ours was touched");
    counts.checked += checked(place);
    assert!(counts.checked > 0, "nothing was read");
    counts
}

/// Goes on for so many minutes, in every way, and tells what was done.
pub(crate) fn soak(minutes: u64) {
    let (begun, mut seed, mut all) = (Instant::now(), Seed::new(minutes), Counts::default());
    let mut rounds = 0;
    while begun.elapsed() < Duration::from_secs(60 * minutes) {
        let ground = if seed.below(3) == 0 { Ground::memory() } else { Ground::disk() };
        let players = [1, 1, 4, 8][usize::try_from(seed.below(4)).unwrap()];
        let tears = players == 1 && seed.below(2) == 0;
        let files_max = (seed.below(4) == 0).then_some(40);
        let round = seed.below(1 << 40);
        println!("round {rounds}: {players} at once, seed {round}, torn: {tears}, files: {files_max:?}");
        let counts = run(&Plan { kills: 100, players, seed: round, files_max, tears, ground });
        all.kills += counts.kills;
        all.reopenings += counts.reopenings;
        all.weighings += counts.weighings;
        all.checked += counts.checked;
        all.torn += counts.torn;
        rounds += 1;
        let Counts { kills, reopenings, weighings, checked, torn } = all;
        println!(
            "so far: {kills} kills, {reopenings} reopenings, {weighings} weighings within the bound, {torn} files torn, \
             {checked} values checked, 0 wrong bytes"
        );
    }
}

/// A player under way.
struct Player {
    child: Child,
    moves: BufReader<ChildStdout>,
}

impl Player {
    fn start(plan: &Plan, seed: &mut Seed, counts: &mut Counts) -> Self {
        counts.reopenings += 1;
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg("worker").arg(plan.ground.scratch.path()).arg(seed.below(1 << 40).to_string());
        command.env("RUST_BACKTRACE", "0").stdout(Stdio::piped());
        let files_max = plan.files_max;
        let mut child = match files_max {
            None => command.spawn().unwrap(),
            Some(max) => limited(&mut command, max),
        };
        let moves = BufReader::new(child.stdout.take().unwrap());
        Self { child, moves }
    }

    /// Waits until it has made so many more moves.
    fn goes_on_for(&mut self, moves: u64) {
        for _ in 0..moves {
            if self.moves.read_line(&mut String::new()).unwrap() == 0 {
                panic!("a player found something wrong and ended: {:?}", self.child.wait());
            }
        }
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap())
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        let ended = self.child.wait().unwrap();
        assert_eq!(ended.code(), None, "a player found something wrong and ended before it was killed");
    }
}

/// Starts a program that may have few files open; the shell becomes it.
fn limited(command: &mut Command, files_max: u64) -> Child {
    let program = command.get_program().to_owned();
    let arguments: Vec<_> = command.get_args().map(std::ffi::OsStr::to_owned).collect();
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("ulimit -n {files_max}; exec \"$0\" \"$@\"")).arg(program).args(arguments);
    shell.env("RUST_BACKTRACE", "0").stdout(Stdio::piped());
    shell.spawn().unwrap()
}

/// Stops all players, weighs the files, and lets them go on.
fn weigh(players: &[Player], cache: &Path, counts: &mut Counts) {
    for player in players {
        kill(player.pid(), Signal::SIGSTOP).unwrap();
    }
    let mut all_stopped = true;
    for player in players {
        let stopped = waitpid(player.pid(), Some(WaitPidFlag::WUNTRACED)).unwrap();
        all_stopped &= matches!(stopped, WaitStatus::Stopped(..));
    }
    assert!(all_stopped, "a player found something wrong and ended");
    let bytes = sum(&cache.join("blobs"));
    assert!(bytes + MARKERS_BYTES <= BOUND, "{bytes} bytes are held");
    counts.weighings += 1;
    for player in players {
        kill(player.pid(), Signal::SIGCONT).unwrap();
    }
}

/// When nobody lives, one who opens the directory finds the bound kept, the account right, no file that nobody knows,
/// and every value as the register allows.
fn look_at_what_is_left(ground: &Ground, counts: &mut Counts) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let cache = player::open(ground.scratch.path()).await;
        counts.reopenings += 1;
        cache.flush().await;
        let files = files(&ground.cache().join("blobs"));
        let left: Vec<&PathBuf> = files.iter().filter(|path| path.to_string_lossy().ends_with(".tmp")).collect();
        assert!(left.is_empty(), "{left:?} were left");
        let bytes = sum(&ground.cache().join("blobs"));
        let info = cache.info();
        assert_eq!(info.current_size, bytes, "{info:?}");
        assert!(bytes + info.overhead_size <= BOUND);
        cache.check().unwrap();
        let register = Register::open(ground.scratch.path());
        for value in 0..VALUES {
            let state = register.state(value);
            let read = cache.get_bytes(&player::key(value)).await.unwrap();
            let there = cache.source().get_bytes(&player::key(value)).await.unwrap();
            assert_eq!(read, there, "value {value} is not what the source has");
            let writing = read.map(|bytes| value::writing(value, 0, &bytes).unwrap());
            assert!(state.allows(state, writing), "value {value} is of writing {writing:?}: {state:?}");
            let meta = cache.head(&player::key(value)).await.unwrap();
            assert_eq!(meta.map(|meta| meta.size), there.map(|bytes| bytes.len() as u64));
            counts.checked += 1;
        }
        cache.flush().await;
        assert_eq!(cache.info().current_size, sum(&ground.cache().join("blobs")));
    });
}

/// A directory that may not be written: what is there is served, and nothing is stored.
pub(crate) fn look_on(ground: &Ground) {
    ground.make_read_only();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let cache = player::open(ground.scratch.path()).await;
        let before = sum(&ground.cache());
        for value in 0..VALUES {
            let there = cache.source().get_bytes(&player::key(value)).await.unwrap();
            assert_eq!(cache.get_bytes(&player::key(value)).await.unwrap(), there, "value {value}");
        }
        cache.flush().await;
        assert!(cache.stats().hits > 0, "{:?}", cache.stats());
        assert_eq!(sum(&ground.cache()), before);
    });
}

fn plant_foreign(cache: &Path) -> Vec<PathBuf> {
    // Once it is marked as ours: before that, a foreign file would keep it from becoming so.
    while !cache.join("members").is_dir() || !cache.join("zstore-format").is_file() {
        std::thread::yield_now();
    }
    let names = ["notes.txt", "members/notes.txt"];
    let paths: Vec<PathBuf> = names.iter().map(|name| cache.join(name)).collect();
    for path in &paths {
        fs::write(path, "foreign").unwrap();
    }
    paths
}

fn checked(place: &Path) -> u64 {
    let counts = fs::read_dir(place.join("counts")).unwrap();
    counts
        .filter_map(|entry| fs::read(entry.unwrap().path()).unwrap().try_into().ok())
        .map(|bytes: [u8; 8]| u64::from_le_bytes(bytes))
        .sum()
}

pub(crate) fn files(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(path) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn sum(path: &Path) -> u64 {
    files(path).iter().filter_map(|file| file.metadata().ok()).map(|metadata| metadata.len()).sum()
}
