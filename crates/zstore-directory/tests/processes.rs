//! What processes that share a directory settle, tried by processes: they race, and are killed at any moment.
//!
//! This program is its own worker: told `worker`, a role and a directory, it plays that role.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "processes/holders.rs"]
mod holders;
#[path = "processes/recallers.rs"]
mod recallers;
#[path = "processes/witnesses.rs"]
mod witnesses;
#[path = "processes/workers.rs"]
mod workers;

use libtest_mimic::{Arguments, Failed, Trial};

/// A trial of each test, by its name.
macro_rules! trials {
    ($($module:ident::$test:ident),* $(,)?) => {
        vec![$(Trial::test(stringify!($test), || {
            $module::$test();
            Ok::<(), Failed>(())
        })),*]
    };
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    if let [_, worker, role, directory, seed] = &words[..]
        && worker == "worker"
    {
        let (directory, seed) = (directory.as_ref(), seed.parse().unwrap());
        return match role.as_str() {
            "holder" => holders::hold(directory, seed),
            "writer" => witnesses::write(directory, seed),
            "fetcher" => witnesses::fetch(directory, seed),
            other => panic!("no such role: {other}"),
        };
    }
    let trials = trials![
        holders::the_bound_holds_over_members_that_are_killed,
        holders::what_the_dead_held_is_taken_over_once,
        holders::a_share_grows_by_pieces_and_shrinks,
        holders::a_kill_in_a_take_over_counts_nothing_twice,
        holders::a_share_that_two_change_at_once_is_what_the_last_left,
        holders::a_directory_that_was_removed_gives_no_room,
        holders::shares_that_are_lost_are_no_loss_once_nobody_lives,
        holders::the_dead_are_found_again_after_an_error,
        holders::shares_of_another_boot_tell_nothing,
        holders::a_journal_is_gone_on_with_or_written_anew,
        holders::nothing_is_left_of_a_journal_that_was_being_written_anew,
        holders::damaged_shares_are_no_loss_once_nobody_lives,
        recallers::who_has_less_than_his_part_gets_it_from_who_has_most,
        recallers::the_dead_have_no_part,
        recallers::nobody_uses_room_that_is_being_taken_from_him,
        recallers::directories_that_a_recall_empties_go_with_the_files,
        recallers::a_thousand_files_are_removed_at_a_time,
        recallers::what_is_removed_for_nobody_changes_hands_all_the_same,
        recallers::room_is_taken_without_a_runtime_too,
        witnesses::a_fence_that_was_removed_lets_nothing_land,
        witnesses::a_fence_opens_though_another_is_stopped_opening_it,
        witnesses::what_was_fetched_before_a_write_never_lands,
        witnesses::what_is_fetched_during_a_write_never_lands_though_another_is_stopped,
        witnesses::a_slow_write_does_not_land_after_one_that_would_not_wait,
        witnesses::a_write_waits_for_those_only_who_were_landing_before,
        witnesses::a_killed_writer_is_in_nobodys_way,
        witnesses::nobody_reads_less_than_was_written,
        witnesses::one_fetches_at_a_time_and_the_dead_do_not_count,
    ];
    let mut arguments = Arguments::from_args();
    // One at a time: whatever another test starts holds all locks of this process until it has become another program.
    arguments.test_threads = Some(1);
    libtest_mimic::run(&arguments, trials).exit();
}

/// Runs what waits.
fn run<V>(work: impl Future<Output = V>) -> V {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(work)
}
