//! The files of a shared directory, by their names in it.

/// How much each member may hold: the file of [`Shares`](crate::Shares).
pub const SHARES: &str = "shares";

/// Who writes: the file of [`Fence`](crate::Fence).
pub const FENCE: &str = "fence";

/// The directory of the members, with a file for each [`Member`](crate::Member).
pub const MEMBERS: &str = "members";

/// The mark that [`disturb`](crate::disturb) makes.
pub const DISTURBED: &str = "disturbed";

/// The same mark while somebody counts what is there.
pub const COUNTED: &str = "counted";
