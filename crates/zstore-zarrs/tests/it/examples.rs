//! The examples, run.

#[path = "../../examples/cached_array.rs"]
mod cached_array;

/// It asserts what it prints.
#[test]
fn the_example_of_a_cached_array_does_what_it_says() {
    cached_array::main().unwrap();
}
