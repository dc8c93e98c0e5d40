//! The laws in a line each, by the numbers they have in `zstore_core::ReadStore` and `zstore_core::Store`.

pub(super) const R1: &str = "R1 Whole: a get without a range answers the whole value";
pub(super) const R2: &str = "R2 Ranges: a range resolves as ByteRange::resolve says";
pub(super) const R3: &str = "R3 Missing: a value that is not there is an answer, never an error and never empty bytes";
pub(super) const R4: &str = "R4 One version: bytes, size and version in one answer belong to one state of the value";
pub(super) const R5: &str = "R5 Several ranges: all parts come from one state, in the order asked";
pub(super) const R6: &str = "R6 Conditions: NotModified for the present version, PreconditionFailed for another";
pub(super) const R7: &str = "R7 Head: head answers the same size and version as a get";
pub(super) const R8: &str = "R8 List: each value strictly below the prefix once, and nothing else";
pub(super) const R9: &str = "R9 Children: the values and prefixes directly below, each once, in order";
pub(super) const R10: &str = "R10 At hand: get_now answers what get would, or nothing";
pub(super) const R11: &str = "R11 Names: keys are told apart byte for byte";
pub(super) const R12: &str = "R12 Identity: two stores that hold different data show differently";

pub(super) const W1: &str = "W1 Read your write: when a set has returned, a get answers those bytes";
pub(super) const W2: &str = "W2 Whole: a reader sees the old value or the new one, and a failed set changes nothing";
pub(super) const W3: &str = "W3 Modes: a set writes if and only if its condition holds at that instant";
pub(super) const W4: &str = "W4 Versions: a set answers the version a head then tells; another value has another one";
pub(super) const W5: &str = "W5 Delete: a deleted value is missing; to delete what is missing is a success";
pub(super) const W6: &str = "W6 Prefix: delete_prefix deletes what list would yield and nothing else";
pub(super) const W7: &str = "W7 Drop: dropping a write's future leaves the old value or the new one";

pub(super) const CAPABILITIES: &str = "Capabilities: what a deployment lacks it refuses, with the kind its field names";
pub(super) const ERRORS: &str = "Errors: an error shows on one line the operation, the key and the store";
