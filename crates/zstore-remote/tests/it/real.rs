//! Real servers, where they run: `cargo xtask test` starts them and asks for the tests of those that it could start, by
//! the names of these modules.

mod nginx;
#[cfg(feature = "aws")]
mod seaweedfs;
