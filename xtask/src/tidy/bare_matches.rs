//! No `matches!` stands alone as a statement: its answer would be dropped, and a test that holds it cannot fail.

use super::{Finding, project::Project, source::Source};

pub(super) fn check(project: &Project) -> Vec<Finding> {
    let of_source = |source: &Source| {
        let bare = |(at, _): &(usize, &str)| is_bare(&source.code, *at);
        let finding = |(at, _)| {
            Finding::new(source.place(at), "a bare `matches!` drops its answer: write `assert!(matches!(...))`")
        };
        source.code.match_indices("matches!").filter(bare).map(finding).collect::<Vec<_>>()
    };
    project.sources.iter().flat_map(of_source).collect()
}

/// Whether the answer of the macro at this byte goes nowhere: a statement begins with it and ends with it, or
/// `let _ =` is all there is before it.
fn is_bare(code: &str, at: usize) -> bool {
    let before = code[..at].trim_end();
    let dropped = before.strip_suffix('=').is_some_and(|before| {
        let before = before.trim_end();
        before.strip_suffix('_').is_some_and(|before| before.trim_end().ends_with("let"))
    });
    let begins = dropped || before.is_empty() || before.ends_with(['{', '}', ';', ']']);
    begins && code[after_brackets(code, at)..].trim_start().starts_with(';')
}

/// Where the brackets that open next are closed.
fn after_brackets(code: &str, from: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate().skip(from) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(body: &str) -> usize {
        let code = format!("fn f() -> bool {{\n{body}\n}}");
        check(&Project::planted(&[("crates/a/tests/it/main.rs", &code)], "")).len()
    }

    #[test]
    fn a_dropped_answer_is_found() {
        for body in [
            "matches!(a, Some(b) if (b));",
            "let a = 1;\n    matches!(a, 1)\n;",
            "if a { matches!(a, 1); }",
            "#[rustfmt::skip]\nmatches!(a, 1);",
            "matches![a, 1];",
            "let _ = matches!(a, 1);",
        ] {
            assert_eq!(count(body), 1, "{body}");
        }
    }

    #[test]
    fn a_used_answer_is_not() {
        for body in [
            "matches!(a, 1)",
            "assert!(matches!(a, 1));",
            "let b = matches!(a, 1);",
            "if matches!(a, 1) { c(); }",
            "match a { 1 => matches!(b, 2), _ => true }",
            "return matches!(a, 1);",
            "assert_eq!(1, 1); // matches!(a, 1);",
            "!matches!(a, 1)",
        ] {
            assert_eq!(count(body), 0, "{body}");
        }
    }
}
