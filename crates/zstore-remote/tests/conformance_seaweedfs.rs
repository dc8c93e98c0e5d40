//! The whole contract, over SeaweedFS: a real store that speaks S3. Without the server every case shows as ignored.

mod bucket;

const BACKSLASH: &str = "it takes a backslash for a slash";

fn main() {
    bucket::suite("ZSTORE_TEST_SEAWEEDFS")
        .except("R9::a_prefix_that_holds_no_value_is_no_child", "it keeps the folder of a value that was deleted")
        .except("R11::a_backslash_parts_no_segments", BACKSLASH)
        .except("R11::a_name_that_only_looks_alike_is_missing", BACKSLASH)
        .except("R11::deleting_an_unusual_name_leaves_its_lookalikes", BACKSLASH)
        .except("R11::unusual_names_are_listed_as_written", BACKSLASH)
        .except("R11::unusual_prefixes_hold_their_own_values_alone", BACKSLASH)
        .except("W3::one_of_many_updates_at_once_succeeds", "it compares and writes in two steps")
        .main()
}
