//! The boot of the machine: what was not synced to the disk in another one may be lost.

use std::fs;

/// Tells one boot of the machine from any other.
pub type Boot = [u8; 16];

/// This boot. Where the system does not tell, every boot is the same.
pub(crate) fn boot() -> Boot {
    let told = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let digits: String = told.chars().filter(char::is_ascii_hexdigit).collect();
    u128::from_str_radix(&digits, 16).unwrap_or(0).to_be_bytes()
}

/// A boot in 64 bits.
pub(crate) fn tag(boot: Boot) -> u64 {
    let [a, b] = [&boot[..8], &boot[8..]].map(|half| half.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte)));
    a ^ b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_boot_is_told_and_stays_the_same() {
        assert_ne!(boot(), [0; 16]);
        assert_eq!(boot(), boot());
        assert_ne!(tag(boot()), tag([7; 16]));
    }
}
