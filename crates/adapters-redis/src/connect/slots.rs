//! Which slot a key is in, and which node serves it.

use crc::{CRC_16_XMODEM, Crc};
use redis::Value;

use super::node::Node;

/// How many slots a cluster has.
pub(crate) const SLOTS: u16 = 16_384;

const CRC: Crc<u16> = Crc::<u16>::new(&CRC_16_XMODEM);

/// The slot of a key. See <https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/>.
pub(super) fn slot(key: &str) -> u16 {
    CRC.checksum(hashed(key).as_bytes()) % SLOTS
}

/// What stands between the first `{` and the next `}`, unless that is nothing: then all of it.
fn hashed(key: &str) -> &str {
    key.split_once('{')
        .and_then(|(_, rest)| rest.split_once('}'))
        .map(|(tag, _)| tag)
        .filter(|tag| !tag.is_empty())
        .unwrap_or(key)
}

/// Which node serves which slots.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Slots {
    /// In their order; each with its first and its last slot.
    ranges: Vec<(u16, u16, Node)>,
}

impl Slots {
    /// Reads the answer of a node to `CLUSTER SLOTS`; nothing where it is none.
    pub(super) fn read(answer: &Value, asked: &Node) -> Option<Self> {
        let ranges = array(answer)?.iter().map(|range| {
            let mut parts = array(range)?.iter();
            let (first, last) = (number(parts.next()?)?, number(parts.next()?)?);
            let mut primary = array(parts.next()?)?.iter();
            let host = host(primary.next()?)?;
            let node = Node::named(host, number(primary.next()?)?, asked)?;
            (first <= last && last < SLOTS).then_some((first, last, node))
        });
        let mut ranges: Vec<(u16, u16, Node)> = ranges.collect::<Option<_>>()?;
        ranges.sort_by_key(|(first, _, _)| *first);
        Some(Self { ranges })
    }

    /// Who serves a slot, if anybody.
    pub(super) fn primary(&self, slot: u16) -> Option<&Node> {
        let after = self.ranges.partition_point(|(first, _, _)| *first <= slot);
        let (_, last, node) = self.ranges.get(after.checked_sub(1)?)?;
        (slot <= *last).then_some(node)
    }

    /// Each node that serves a slot, once, in the order of their first slots.
    pub(super) fn primaries(&self) -> Vec<&Node> {
        let mut nodes: Vec<&Node> = Vec::new();
        for (_, _, node) in &self.ranges {
            if !nodes.contains(&node) {
                nodes.push(node);
            }
        }
        nodes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }
}

fn array(value: &Value) -> Option<&[Value]> {
    if let Value::Array(values) = value {
        return Some(values);
    }
    None
}

fn number(value: &Value) -> Option<u16> {
    if let Value::Int(number) = value {
        return u16::try_from(*number).ok();
    }
    None
}

/// Nil where a node does not know its name.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "what servers answer with is open-ended"
)]
fn host(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        Value::Nil => Some(""),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `CLUSTER KEYSLOT` has them; the first is that of the specification.
    #[test]
    fn a_key_is_in_the_slot_that_the_server_has_it_in() {
        for (key, expected) in [
            ("123456789", 0x31C3),
            ("foo", 12_182),
            ("bar", 5061),
            ("", 0),
            ("{countersign}:store", 1904),
            ("a{b}c", 3300),
        ] {
            assert_eq!(slot(key), expected, "{key}");
        }
    }

    #[test]
    fn what_stands_between_the_first_braces_decides_unless_it_is_nothing() {
        for (key, tag) in [
            ("{user1000}.following", "user1000"),
            ("a{b}c{d}", "b"),
            ("foo{}{bar}", "foo{}{bar}"),
            ("foo{{bar}}zap", "{bar"),
            ("foo{bar", "foo{bar"),
            ("foo}bar{", "foo}bar{"),
        ] {
            assert_eq!(hashed(key), tag);
        }
    }

    fn told(ranges: &[(i64, i64, &str, i64)]) -> Option<Slots> {
        let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let ranges = ranges.iter().map(|(first, last, host, port)| {
            let node = vec![text(host), Value::Int(*port), text("its id")];
            let replica = vec![text("replica"), Value::Int(1), text("its id")];
            Value::Array(vec![
                Value::Int(*first),
                Value::Int(*last),
                Value::Array(node),
                Value::Array(replica),
            ])
        });
        Slots::read(&Value::Array(ranges.collect()), &Node::new("asked", 1))
    }

    #[test]
    fn a_slot_is_served_by_the_primary_of_its_range_alone() {
        let slots = told(&[
            (100, 199, "b", 7001),
            (0, 99, "a", 7000),
            (300, 16_383, "", 7000),
        ])
        .unwrap();
        let served = |slot| slots.primary(slot).map(Node::to_string);
        for (slot, node) in [
            (0, Some("a:7000")),
            (99, Some("a:7000")),
            (100, Some("b:7001")),
            (199, Some("b:7001")),
            (200, None),
            (299, None),
            (16_383, Some("asked:7000")),
        ] {
            assert_eq!(served(slot).as_deref(), node, "{slot}");
        }
        assert_eq!(slots.primaries().len(), 3);
        assert!(told(&[]).unwrap().is_empty());
        assert_eq!(Slots::default().primary(0), None);
    }

    #[test]
    fn what_is_no_topology_is_not_taken_for_one() {
        assert_eq!(told(&[(0, 16_384, "a", 7000)]), None);
        assert_eq!(told(&[(5, 4, "a", 7000)]), None);
        assert_eq!(told(&[(0, 1, "a", 0)]), None);
        assert_eq!(told(&[(0, 1, "a", 70_000)]), None);
        assert_eq!(Slots::read(&Value::Nil, &Node::new("a", 1)), None);
    }
}
