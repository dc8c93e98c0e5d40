//! The whole contract, over moto: a mock of S3 by others. Without the server every case shows as ignored.

mod bucket;

fn main() {
    bucket::suite("ZSTORE_TEST_MOTO")
        .except("W3::one_of_many_updates_at_once_succeeds", "it compares and writes in two steps")
        .main()
}
