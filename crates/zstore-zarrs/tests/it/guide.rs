//! `docs/guide.md`: no setting of a cache is left out of it. Its blocks are run by the tests of the docs.

const GUIDE: &str = include_str!("../../../../docs/guide.md");
const BUILDER: &str = include_str!("../../../zstore-cache/src/builder.rs");

#[test]
fn the_guide_has_every_setting() {
    let methods = BUILDER.lines().filter_map(|line| {
        let line = line.strip_prefix("    pub ")?;
        line.strip_prefix("const ").unwrap_or(line).strip_prefix("fn ")?.split(['(', '<']).next()
    });
    let settings: Vec<&str> = methods.collect();
    assert!(settings.contains(&"max_size") && settings.contains(&"policy"), "{settings:?}");
    let told = |name: &str| GUIDE.contains(&format!("\n| `{name}` |")) || GUIDE.contains(&format!("\n**`{name}`**"));
    let untold: Vec<_> = settings.iter().filter(|name| !told(name)).collect();
    assert!(untold.is_empty(), "docs/guide.md has nothing on {untold:?}");
}
