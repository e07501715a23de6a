//! Texts to feed readers with: such as are right, with a few edits.
//!
//! Bytes drawn at random are refused by the first character. What is drawn here are edits of texts that a reader
//! takes, so that it is refused late, or not at all.

use bolero::{TypeGenerator, produce};

/// A text that is right, and what is done to it.
#[derive(Debug, Clone, TypeGenerator)]
pub struct Edited {
    of: u8,
    #[generator(produce::<Vec<Edit>>().with().len(0..8usize))]
    edits: Vec<Edit>,
}

/// Something that is done to a text. Places count round and round.
#[derive(Debug, Clone, TypeGenerator)]
enum Edit {
    /// A word is put in.
    Word { at: u16, word: u8 },
    /// A character is put in.
    Character { at: u16, character: char },
    /// Some characters are taken out.
    Remove { at: u16, length: u8 },
    /// Some characters stand there again.
    Repeat { at: u16, length: u8 },
    /// Some characters of another text take the place of as many.
    Splice {
        at: u16,
        length: u8,
        other: u8,
        from: u16,
    },
    /// Some characters stand there very often.
    Pile { at: u16, length: u8, times: u8 },
}

/// Texts that a reader takes, and words that mean something to it.
#[derive(Debug, Clone, Copy)]
pub struct Language<'a> {
    /// Texts.
    pub texts: &'a [&'a str],
    /// Words, beside those of all languages.
    pub words: &'a [&'a str],
}

/// Words that mean something in any language.
const WORDS: [&str; 24] = [
    "null",
    "true",
    "-1",
    "1e400",
    "0.0000000000000000001",
    "340282366920938463463374607431768211456",
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "\u{0}",
    "\u{7f}",
    "\u{feff}",
    "\u{1f6a6}",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\n",
    "\r\n",
    "#",
    "=",
];

impl Edited {
    /// The text.
    #[must_use]
    pub fn text(&self, language: Language<'_>) -> String {
        let mut text: Vec<char> = pick(language.texts, self.of).chars().collect();
        for edit in &self.edits {
            edit.apply(&mut text, language);
        }
        text.into_iter().collect()
    }
}

impl Edit {
    fn apply(&self, text: &mut Vec<char>, language: Language<'_>) {
        match *self {
            Self::Word { at, word } => {
                let words = [language.words, &WORDS].concat();
                let at = place(text, at);
                text.splice(at..at, pick(&words, word).chars());
            }
            Self::Character { at, character } => {
                let at = place(text, at);
                text.splice(at..at, [character]);
            }
            Self::Remove { at, length } => {
                let at = place(text, at);
                text.drain(at..end(text, at, length));
            }
            Self::Repeat { at, length } => {
                let at = place(text, at);
                text.extend_from_within(at..end(text, at, length));
            }
            Self::Splice {
                at,
                length,
                other,
                from,
            } => {
                let other: Vec<char> = pick(language.texts, other).chars().collect();
                let (at, from) = (place(text, at), place(&other, from));
                let piece = other.into_iter().skip(from).take(length.into());
                text.splice(at..end(text, at, length), piece);
            }
            Self::Pile { at, length, times } => {
                let at = place(text, at);
                let length = usize::from(length) % 4 + 1;
                let piece: Vec<char> = text.iter().skip(at).take(length).copied().collect();
                text.splice(at..at, piece.repeat(times.into()));
            }
        }
    }
}

fn pick<'a>(of: &[&'a str], number: u8) -> &'a str {
    let place = usize::from(number).checked_rem(of.len());
    place.and_then(|place| of.get(place)).copied().unwrap_or("")
}

fn place(text: &[char], at: u16) -> usize {
    usize::from(at) % (text.len() + 1)
}

fn end(text: &[char], at: usize, length: u8) -> usize {
    text.len().min(at + usize::from(length))
}
