//! What a command prints: read to the end, kept within bounds.

use countersign_domain::JsonText;
use tokio::io::{AsyncRead, AsyncReadExt};

/// How much of an output is kept for people, in bytes.
pub(super) const TAIL_BYTES: usize = 8 * 1024;

const READ_BYTES: usize = 16 * 1024;

/// One output of a command, as far as it is kept: its tail, and the whole while that is small enough.
#[derive(Debug)]
pub(super) struct Capture {
    whole: Option<Vec<u8>>,
    limit: usize,
    tail: Vec<u8>,
    cut: bool,
}

impl Capture {
    /// Keeps the whole as well, unless it grows beyond `limit` bytes and a newline.
    pub(super) fn whole_up_to(limit: usize) -> Self {
        Self {
            whole: Some(Vec::new()),
            limit: limit + 1,
            tail: Vec::new(),
            cut: false,
        }
    }

    /// Keeps the tail only.
    pub(super) fn tail_only() -> Self {
        Self {
            whole: None,
            ..Self::whole_up_to(0)
        }
    }

    /// Reads to the end. An output that cannot be read has ended.
    ///
    /// # Cancel safety
    /// What was read is kept.
    pub(super) async fn drain(&mut self, mut output: impl AsyncRead + Unpin) {
        let mut buffer = vec![0; READ_BYTES];
        while let Ok(read @ 1..) = output.read(&mut buffer).await {
            self.keep(buffer.get(..read).unwrap_or_default());
        }
    }

    fn keep(&mut self, read: &[u8]) {
        self.whole = self.whole.take().and_then(|mut whole| {
            let fits = whole.len() + read.len() <= self.limit;
            fits.then(|| {
                whole.extend_from_slice(read);
                whole
            })
        });
        self.tail.extend_from_slice(read);
        // Seldom, so that every byte is moved about once.
        if self.tail.len() > 2 * TAIL_BYTES {
            self.tail.drain(..self.tail.len() - TAIL_BYTES);
            self.cut = true;
        }
    }

    /// The whole, where it was kept and is one JSON document.
    pub(super) fn document(&self) -> Option<JsonText> {
        let text = std::str::from_utf8(self.whole.as_deref()?).ok()?;
        JsonText::canonical(text.trim()).ok()
    }

    /// The last 8 KiB as text that every store can keep: what is not UTF-8, and U+0000, are replaced
    /// by U+FFFD.
    pub(super) fn tail(&self) -> String {
        let start = self.tail.len().saturating_sub(TAIL_BYTES);
        let bytes = self.tail.get(start..).unwrap_or_default();
        // A character that the cut went through is left out, not replaced.
        let torn = bytes.iter().take(3).take_while(|&&b| b & 0xC0 == 0x80);
        let torn = if self.cut || start > 0 {
            torn.count()
        } else {
            0
        };
        let text = String::from_utf8_lossy(bytes.get(torn..).unwrap_or_default());
        let text = text.replace('\0', "\u{FFFD}");
        let start = text.ceil_char_boundary(text.len().saturating_sub(TAIL_BYTES));
        text.get(start..).unwrap_or_default().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captured(limit: usize, chunks: &[&[u8]]) -> Capture {
        let mut capture = Capture::whole_up_to(limit);
        chunks.iter().for_each(|chunk| capture.keep(chunk));
        capture
    }

    #[test]
    fn tails_are_the_last_8_kib_and_memory_stays_bounded() {
        let mut capture = Capture::whole_up_to(100);
        for at in 0..100_000_u32 {
            capture.keep(format!("line {at}\n").as_bytes());
        }
        let tail = capture.tail();
        assert_eq!(tail.len(), TAIL_BYTES);
        assert!(tail.ends_with("line 99998\nline 99999\n"));
        assert!(capture.tail.capacity() <= 4 * TAIL_BYTES);
        assert_eq!(capture.whole, None);
        assert_eq!(captured(0, &[b"short"]).tail(), "short");
    }

    #[test]
    fn tails_are_cut_between_characters() {
        for padding in 0..4 {
            let text = format!("{}{}", "€".repeat(6000), "x".repeat(padding));
            let tail = captured(0, &[text.as_bytes()]).tail();
            assert!(
                text.ends_with(&tail),
                "no replacement character: {tail:.20}"
            );
            assert!((TAIL_BYTES - 2..=TAIL_BYTES).contains(&tail.len()));
        }
    }

    #[test]
    fn what_no_store_keeps_is_replaced_and_the_tail_is_no_longer_for_it() {
        assert_eq!(captured(0, &[b"a\0b\xFFc"]).tail(), "a\u{FFFD}b\u{FFFD}c");
        assert_eq!(
            captured(0, &[b"\x80\x80start"]).tail(),
            "\u{FFFD}\u{FFFD}start"
        );
        let binary = captured(0, &[&[0xFF; 3 * TAIL_BYTES]]).tail();
        assert!((TAIL_BYTES - 2..=TAIL_BYTES).contains(&binary.len()));
    }

    #[test]
    fn the_whole_is_a_result_where_it_is_one_json_document_within_the_limit() {
        let result = |limit, chunks: &[&[u8]]| {
            let document = captured(limit, chunks).document();
            document.map(|json| json.as_str().to_owned())
        };
        assert_eq!(
            result(100, &[b" {\"b\":1,", b"\"a\":2}\n"]).unwrap(),
            r#"{"a":2,"b":1}"#
        );
        assert_eq!(result(2, &[b"12\n"]).unwrap(), "12");
        assert_eq!(result(2, &[b"123\n"]), None);
        for text in [
            "",
            "\n",
            "done",
            "{} {}",
            "{\"a\":1,\"a\":2}",
            "\"\\u0000\"",
        ] {
            assert_eq!(result(100, &[text.as_bytes()]), None, "{text}");
        }
        assert_eq!(result(100, &[b"\"\xFF\""]), None);
    }
}
