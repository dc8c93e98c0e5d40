//! `docs/cli.md`: what it shows is what happens, and nothing is left out of it.

use std::{collections::BTreeSet, path::Path, process::Command, sync::Arc};

use zarrs::{
    array::{Array, ArrayBuilder, ArraySubset, Element, data_type},
    group::GroupBuilder,
};
use zstore_local::LocalStore;
use zstore_zarrs::ZarrsStore;

use crate::{binary::Bench, planted};

const MANUAL: &str = include_str!("../../../../docs/cli.md");

type Storage = ZarrsStore<LocalStore>;

/// The hierarchy of the manual: uncompressed, so that its sizes are the same everywhere.
fn write_climate(directory: &Path) {
    planted::block_on(async {
        let storage = Arc::new(ZarrsStore::new(Arc::new(LocalStore::create(directory).unwrap())));
        GroupBuilder::new().build(Arc::clone(&storage), "/").unwrap().async_store_metadata().await.unwrap();
        let mut builder = ArrayBuilder::new(vec![48, 64, 64], vec![4, 32, 32], data_type::float32(), f32::NAN);
        builder.dimension_names(Some(["day", "y", "x"]));
        builder.attributes(serde_json::Map::from_iter([("units".to_owned(), "K".into())]));
        fill(builder.build(Arc::clone(&storage), "/temperature").unwrap(), 280f32).await;
        let mut builder = ArrayBuilder::new(vec![128, 128], vec![64, 64], data_type::int16(), -1i16);
        builder.subchunk_shape(vec![32, 32]);
        fill(builder.build(storage, "/elevation").unwrap(), 400i16).await;
    });
}

async fn fill<T: Element + Copy + Send + Sync>(array: Array<Storage>, value: T) {
    array.async_store_metadata().await.unwrap();
    for indices in &ArraySubset::new_with_shape(array.chunk_grid_shape().to_vec()).indices() {
        let elements = array.chunk_shape(&indices).unwrap().iter().map(|length| length.get() as usize).product();
        array.async_store_chunk(&indices, vec![value; elements]).await.unwrap();
    }
}

/// Commands of the manual, each with the lines that it is said to print.
fn examples() -> Vec<(&'static str, Vec<&'static str>)> {
    let mut examples: Vec<(&str, Vec<&str>)> = Vec::new();
    for block in MANUAL.split("```console\n").skip(1) {
        for line in block.split("```").next().unwrap().lines() {
            match line.strip_prefix("$ ") {
                Some(command) => examples.push((command, Vec::new())),
                None => examples.last_mut().unwrap().1.push(line),
            }
        }
    }
    examples
}

/// Whether a line is as it is shown, where `...` stands for anything and blanks for as many as a table has.
fn is_as_shown(line: &str, shown: &str) -> bool {
    let even = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (line, shown) = (even(line), even(shown));
    let pieces: Vec<&str> = shown.split("...").map(str::trim).collect();
    let [first, middle @ .., last] = &pieces[..] else { return line == shown };
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    for piece in middle {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

#[test]
fn what_the_manual_shows_is_what_happens() {
    let bench = Bench::new();
    write_climate(&bench.path("climate.zarr"));
    let binary = Path::new(env!("CARGO_BIN_EXE_zstore"));
    let path = std::env::join_paths([binary.parent().unwrap(), Path::new("/usr/bin"), Path::new("/bin")]).unwrap();
    let examples = examples();
    assert!(examples.len() > 10, "{examples:?}");
    for (command, shown) in examples {
        // A shell, because people have one: for variables, pipes and exit codes.
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{command} 2>&1")]).current_dir(bench.path("")).env("PATH", &path);
        let output = shell
            .env_remove("ZSTORE_CACHE")
            .env_remove("ZSTORE_MAX_SIZE")
            .env_remove("ZSTORE_MAX_AGE")
            .output()
            .unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<&str> = printed.lines().collect();
        let is_right =
            lines.len() == shown.len() && lines.iter().zip(&shown).all(|(line, shown)| is_as_shown(line, shown));
        assert!(is_right, "$ {command}\nprints\n{printed}\nand not\n{}", shown.join("\n"));
    }
}

#[test]
fn the_manual_names_every_command_option_and_variable() {
    let bench = Bench::new();
    let commands = |words: &[&str]| -> Vec<String> {
        let help = bench.run(&[words, &["--help"]].concat()).stdout;
        let list = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap().to_owned();
        let names = list.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next().map(str::to_owned));
        names.filter(|name| !name.is_empty() && name != "help").collect()
    };
    let of_cache = commands(&["cache"]).into_iter().map(|name| format!("cache {name}"));
    let all: Vec<String> = commands(&[]).into_iter().filter(|name| name != "cache").chain(of_cache).collect();
    assert!(all.contains(&"demo".to_owned()) && all.contains(&"cache prune".to_owned()), "{all:?}");
    for command in all {
        let words: Vec<&str> = command.split(' ').collect();
        assert!(MANUAL.contains(&format!("zstore {command}")), "{command}");
        let help = bench.run(&[&words[..], &["--help"]].concat()).stdout;
        assert!(help.contains("Exit codes: 0 done; 1 "), "{command}: {help}");
        let is_word = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
        let named: BTreeSet<&str> = help
            .split(|letter| !is_word(letter))
            .filter(|word| word.starts_with("--") && word.len() > 2 || word.starts_with("ZSTORE_"))
            .filter(|word| !matches!(*word, "--help" | "--version"))
            .collect();
        for name in named {
            assert!(MANUAL.contains(&format!("`{name}")), "{command}: {name}");
        }
    }
}

#[test]
fn dots_stand_for_anything_and_nothing_else_does() {
    assert!(is_as_shown("1  a", "1 a") && is_as_shown("12 s, 5 MiB", "... s, ... MiB") && is_as_shown("x", "..."));
    assert!(!is_as_shown("1 b", "1 a") && !is_as_shown("12 h, 5 MiB", "... s, ... MiB") && !is_as_shown("a", "a b"));
    assert!(!is_as_shown("2.0 KiB", "1.0 ...") && !is_as_shown("1.0 MiB", "... KiB"));
}
