//! The examples, run.

#[path = "../../examples/cache_directory.rs"]
mod cache_directory;

/// It asserts what it prints.
#[test]
fn the_example_of_a_cache_directory_does_what_it_says() {
    cache_directory::main().unwrap();
}
