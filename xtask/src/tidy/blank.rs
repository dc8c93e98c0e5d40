//! Rust text without what its comments and literals say, so that a word found in it is code.

/// The text byte for byte, but for the bytes of comments, which become spaces, and of string and character literals,
/// which become `_`. Lines stay where they are.
pub(super) fn blank(text: &str) -> String {
    let mut reader = Reader { text: text.as_bytes(), at: 0, code: Vec::with_capacity(text.len()) };
    while reader.at < reader.text.len() {
        reader.step();
    }
    // Whole characters were replaced by bytes of ASCII, or kept.
    String::from_utf8_lossy(&reader.code).into_owned()
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    code: Vec<u8>,
}

impl Reader<'_> {
    fn step(&mut self) {
        let rest = &self.text[self.at..];
        if rest.starts_with(b"//") {
            let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
            self.cover(end, b' ');
        } else if rest.starts_with(b"/*") {
            self.cover(block_comment(rest), b' ');
        } else if let Some(length) = self.raw_string() {
            self.cover(length, b'_');
        } else if rest[0] == b'"' {
            self.cover(quoted(rest, b'"'), b'_');
        } else if rest[0] == b'\'' && is_character(rest) {
            self.cover(quoted(rest, b'\''), b'_');
        } else {
            self.code.push(rest[0]);
            self.at += 1;
        }
    }

    fn cover(&mut self, length: usize, with: u8) {
        for byte in &self.text[self.at..self.at + length] {
            self.code.push(if *byte == b'\n' { b'\n' } else { with });
        }
        self.at += length;
    }

    /// The length of the raw string that begins here, if one does.
    fn raw_string(&self) -> Option<usize> {
        let after = self.text[self.at..].strip_prefix(b"r")?;
        let hashes = after.iter().take_while(|byte| **byte == b'#').count();
        let body = after[hashes..].strip_prefix(b"\"")?;
        let before = &self.text[..self.at];
        // `br"` and `cr"` are raw strings too; any other letter makes this the end of a name.
        let before = before.strip_suffix(b"b").or_else(|| before.strip_suffix(b"c")).unwrap_or(before);
        if before.last().is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
            return None;
        }
        let close: Vec<u8> = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
        let end = body.windows(close.len()).position(|window| window == close);
        Some(1 + hashes + 1 + end.map_or(body.len(), |end| end + close.len()))
    }
}

/// The length of the block comment at the beginning, with those inside it.
fn block_comment(text: &[u8]) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while at < text.len() {
        if text[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

/// The length of the literal at the beginning, up to this quote.
fn quoted(text: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < text.len() {
        match text[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

/// Whether the quote at the beginning opens a character and not a lifetime.
fn is_character(text: &[u8]) -> bool {
    let Some(first) = text.get(1) else { return false };
    let length = match first {
        b'\\' => return true,
        0x00..0x80 => 1,
        0x80..0xe0 => 2,
        0xe0..0xf0 => 3,
        0xf0.. => 4,
    };
    text.get(1 + length) == Some(&b'\'')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blank_and_code_is_not() {
        for (text, code) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            (r#"f("a\"b // c") + 1"#, "f(___________) + 1"),
            (r##"r#"a"b"# + r"\" + br"x" + bar"y""##, "________ + ____ + b____ + bar___"),
            ("'a' + '\\'' + 'ü' + x::<'a, 'b>()", "___ + ____ + ____ + x::<'a, 'b>()"),
            ("'\"' + \"'\"", "___ + ___"),
            ("r#type + 'static", "r#type + 'static"),
            ("ü // ü\nü", "ü      \nü"),
            ("\"two\nlines\" x", "____\n______ x"),
        ] {
            assert_eq!(blank(text), code, "{text}");
        }
    }

    #[test]
    fn what_never_ends_does_not_harm() {
        for text in ["/* a", "\"a", "r#\"a", "'", "'\\", "\"\\", "r#"] {
            assert_eq!(blank(text).len(), text.len(), "{text}");
        }
    }
}
