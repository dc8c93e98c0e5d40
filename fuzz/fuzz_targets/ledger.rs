//! Every policy, alone and under a ledger, by the moves, the models and the audits of the property tests of `zstore-policy`.
//!
//! A finding is kept there as a named test: `cargo fuzz fmt ledger FILE` prints its moves, ready to be written down.

#![no_main]

use std::fmt;

use libfuzzer_sys::arbitrary::{Arbitrary, Result, Unstructured};
use libfuzzer_sys::fuzz_target;

use crate::moves::{MOVES_MAX, bound, op, policy_op};
use crate::op::{Op, PolicyOp};
use crate::policies::{EVERY, Make};
use crate::sequence::sequence;
use crate::world::World;

#[path = "../../crates/zstore-policy/tests/it/bare.rs"]
mod bare;
#[path = "../../crates/zstore-policy/tests/it/model.rs"]
mod model;
mod moves;
#[path = "../../crates/zstore-policy/tests/it/op.rs"]
#[expect(dead_code, reason = "its strategies are for the property tests")]
mod op;
#[path = "../../crates/zstore-policy/tests/it/policies.rs"]
mod policies;
mod sequence;
#[path = "../../crates/zstore-policy/tests/it/world.rs"]
mod world;

/// What is played, and with whom.
struct Game {
    policy: &'static str,
    make: Make,
    moves: Moves,
}

#[derive(Debug)]
enum Moves {
    /// Under a ledger of this bound and overhead.
    Ledger((Option<u64>, u64), Vec<Op>),
    Alone(Vec<PolicyOp>),
}

impl fmt::Debug for Game {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:#?}", self.policy, self.moves)
    }
}

impl Arbitrary<'_> for Game {
    fn arbitrary(bytes: &mut Unstructured<'_>) -> Result<Self> {
        let (policy, make) = *bytes.choose(&EVERY)?;
        let moves = if bytes.arbitrary()? {
            Moves::Ledger(bound(bytes)?, sequence(bytes, MOVES_MAX, op)?)
        } else {
            Moves::Alone(sequence(bytes, MOVES_MAX, policy_op)?)
        };
        Ok(Self { policy, make, moves })
    }
}

fuzz_target!(|game: Game| {
    match &game.moves {
        // Of the policies here, only LRU has its victims foretold by the model.
        Moves::Ledger((bound, overhead), moves) => {
            World::new(*bound, *overhead, (game.make)(), game.policy == "lru").run(moves);
        }
        Moves::Alone(calls) => bare::obeys(game.make, calls),
    }
});
