//! A cache directory that is used by processes, any of which is killed at any moment.
//!
//! The processes read and write one source through caches of one directory. Every value tells in each of its words
//! which value it is and which writing of it; a register tells which writings a reader may see. So a wrong byte is
//! seen, and so is a byte that is too old. Between kills all are stopped, and the files are weighed.
//!
//! This program is its own worker: told `worker`, a directory and a seed, it reads and writes until it is killed. Told
//! `soak` and a number of minutes, it goes on for so long and tells what was done.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a panic is how a test fails, and a soak tells its counts"
)]

#[path = "crashes/damage.rs"]
mod damage;
#[path = "crashes/ground.rs"]
mod ground;
#[path = "crashes/judge.rs"]
mod judge;
#[path = "crashes/player.rs"]
mod player;
#[path = "crashes/register.rs"]
mod register;
#[path = "crashes/value.rs"]
mod value;

use libtest_mimic::{Arguments, Failed, Trial};

use crate::{ground::Ground, judge::Plan};

/// What this program is told that runs where it may mount a disk.
const SMALL_DISK: &str = "on-a-small-disk";

/// A disk that holds less than the bound and is filled to the last byte now and then; in the end it may not be written.
fn on_a_small_disk() {
    let plan = Plan { kills: 40, players: 4, seed: 6, ..Plan::new(Ground::small_disk()) };
    judge::run(&plan);
    judge::look_on(&plan.ground);
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    match &words[..] {
        [_, worker, place, seed] if worker == "worker" => return player::play(place.as_ref(), seed.parse().unwrap()),
        [_, within] if within == SMALL_DISK => return on_a_small_disk(),
        [_, soak, minutes] if soak == "soak" => return judge::soak(minutes.parse().unwrap()),
        _ => {}
    }
    let trial = |name: &str, test: fn()| {
        Trial::test(name, move || {
            test();
            Ok::<(), Failed>(())
        })
    };
    let trials = vec![
        trial("one_after_the_other_each_is_killed_and_nothing_is_wrong", || {
            judge::run(&Plan { kills: 50, players: 1, seed: 1, ..Plan::new(Ground::disk()) });
        }),
        trial("of_many_at_once_any_is_killed_and_nothing_is_wrong", || {
            judge::run(&Plan { kills: 60, players: 8, seed: 2, ..Plan::new(Ground::disk()) });
        }),
        trial("nor_in_memory", || {
            judge::run(&Plan { kills: 30, players: 4, seed: 3, ..Plan::new(Ground::memory()) });
        }),
        trial("nor_with_few_file_descriptors", || {
            judge::run(&Plan { kills: 10, players: 4, seed: 4, files_max: Some(40), ..Plan::new(Ground::disk()) });
        }),
        trial("what_is_torn_while_nobody_looks_is_found_dropped_and_had_again", || {
            judge::run(&Plan { kills: 40, players: 1, seed: 5, tears: true, ..Plan::new(Ground::disk()) });
        }),
        // Without a user name space of its own it cannot mount anything.
        trial("nor_on_a_disk_that_is_full_and_then_may_not_be_written", ground::run_with_mounts)
            .with_ignored_flag(!ground::can_mount()),
    ];
    let mut arguments = Arguments::from_args();
    // One at a time: each has processes enough.
    arguments.test_threads = Some(1);
    libtest_mimic::run(&arguments, trials).exit();
}
